import { useState } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { useAction } from "../hooks";
import { count } from "../model/words";
import { isoAt } from "../model/zoned";
import { useRepeatKey } from "../repeat_key";
import { Link } from "../router";
import { useSession } from "../session";
import { useZone } from "../time";
import { Confirm, ResultDialog } from "../ui/dialog";
import { Select, TextArea } from "../ui/form";
import { Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { WhenField } from "../ui/when";

interface Properties {
  /** The selected chats. */
  ids: readonly string[];
  onClose(): void;
  onDone(): void;
}

const EFFECTS = [
  ["none", "Mute: no notifications"],
  ["all", "Unmute: all notifications"],
] as const;

/** Asks how to change the notifications of chats, and until when. */
export function ChangeNotifications({ ids, onClose, onDone }: Properties) {
  const { api } = useSession();
  const { zone } = useZone();
  const [text, setText] = useState(ids.join("\n"));
  const [preference, setPreference] = useState<"all" | "none">("none");
  const [until, setUntil] = useState("");
  const [keyOf] = useRepeatKey();
  const chats = [...new Set(text.split(/[\s,]+/).filter(Boolean))];
  const body = {
    notification_preference: preference,
    ids: chats,
    until: isoAt(until, zone),
  };
  const change = useAction(() =>
    read(api.POST("/chats/notification-preference", { body, params: { header: { "Idempotency-Key": keyOf(body) } } })),
  );
  const [started, setStarted] = useState<Schemas["PreferenceRuns"] | null>(null);
  const done = (result: Schemas["PreferenceRuns"]) => {
    setStarted(result);
    onDone();
  };
  if (started) return <Started started={started} onClose={onClose} />;
  const verb = preference === "none" ? "mute" : "unmute";
  return (
    <Confirm
      title="Change notifications"
      verb={`${preference === "none" ? "Mute" : "Unmute"} ${count(chats.length, "chat")}`}
      action={change}
      failure="The notifications are not changed"
      uncertain="They may be changed all the same. If you try again, nothing is changed twice."
      disabled={chats.length === 0}
      onDone={done}
      onClose={onClose}
    >
      <TextArea
        label="Chats"
        hint="One ID in each line, at most 1,000"
        code
        rows={5}
        value={text}
        onValue={setText}
        required
      />
      <Select
        label="Change"
        value={preference}
        options={EFFECTS}
        onValue={(value) => setPreference(value === "all" ? "all" : "none")}
      />
      <WhenField
        label="Until"
        zone={zone}
        value={until}
        onValue={setUntil}
        presets
        hint="Leave it empty to keep the change. At this time, all these chats get the other setting."
      />
      <Terminal
        command={`aichats chats ${verb} ${chats.slice(0, 3).map(quoted).join(" ")}${chats.length > 3 ? " …" : ""}${body.until ? ` --until ${body.until}` : ""}`}
        request={curl("POST", "/chats/notification-preference", { ...body, ids: body.ids.slice(0, 3) })}
      />
    </Confirm>
  );
}

interface StartedProperties {
  started: Schemas["PreferenceRuns"];
  onClose(): void;
}

/** How many chats are being changed, and the automation that undoes it. */
function Started({ started: { run_ids, automation }, onClose }: StartedProperties) {
  return (
    <ResultDialog title="Notifications are being changed" onClose={onClose}>
      <Notice kind="success" title={`${count(run_ids.length, "chat is", "chats are")} being changed, about 8 a second`}>
        <p>
          <Link to="/runs?trigger=http">Show the runs</Link>
        </p>
        {automation && (
          <p>
            The automation <Link to={`/automations/${automation}`}>{automation}</Link> undoes the change. To keep the
            change, delete the automation.
          </p>
        )}
      </Notice>
    </ResultDialog>
  );
}
