// "Stop everything": a pause of the whole stack, and the pauses that are planned.

import { useState } from "preact/hooks";
import { read } from "../api/client";
import { useAction } from "../hooks";
import { type ShownPause, useStackPause } from "../model/pause";
import { isoAt } from "../model/zoned";
import { useSession } from "../session";
import { formatTime, Time, useZone } from "../time";
import { Button } from "../ui/button";
import { Confirm } from "../ui/dialog";
import { TextField } from "../ui/form";
import { Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { useToast } from "../ui/toast";
import { WhenField } from "../ui/when";

/** The button that stops the stack, with its dialog. */
export function StopEverything() {
  const { can } = useSession();
  const { stack } = useStackPause();
  const [open, setOpen] = useState(false);
  if (!can("pause_stack") || stack?.paused) return null;
  return (
    <>
      <Button kind="danger" onClick={() => setOpen(true)}>
        Stop everything
      </Button>
      {open && <StopDialog onClose={() => setOpen(false)} />}
    </>
  );
}

const LONGEST_REASON = 200;

function StopDialog({ onClose }: { onClose(): void }) {
  const { api, me } = useSession();
  const { zone } = useZone();
  const { show } = useStackPause();
  const toast = useToast();
  const [ends, setEnds] = useState(false);
  const [until, setUntil] = useState("");
  const [reason, setReason] = useState("");
  const body = {
    from: null,
    until: ends ? isoAt(until, zone) : null,
    reason: reason.trim() || null,
  };
  const stop = useAction(() => read(api.POST("/pause", { body })));
  return (
    <Confirm
      title={`Stop everything in ${me.stack}?`}
      verb="Stop everything"
      danger
      action={stop}
      failure="Nothing is stopped"
      onClose={onClose}
      onDone={(state) => {
        onClose();
        show(state);
        toast("Everything stops within a minute.");
      }}
    >
      <Effects />
      <EndChoice ends={ends} onEnds={setEnds} />
      {ends && <WhenField label="Until" zone={zone} value={until} onValue={setUntil} required presets />}
      <TextField
        label="Reason (optional)"
        hint="Everybody who opens the console sees it."
        maxLength={LONGEST_REASON}
        value={reason}
        onValue={setReason}
      />
      <Terminal command={stopCommand(body)} request={curl("POST", "/pause", body)} />
    </Confirm>
  );
}

function stopCommand({ until, reason }: { until: string | null; reason: string | null }): string {
  const parts = ["aichats auto pause --all"];
  if (until) parts.push(`--until ${until}`);
  if (reason) parts.push(`--reason ${quoted(reason)}`);
  return parts.join(" ");
}

function Effects() {
  return (
    <div class="stop-effects">
      <p>Within a minute:</p>
      <ul>
        <li>Automations don’t start. Their times are skipped: they aren’t missed, and nothing is run late.</li>
        <li>Runs for events are stored as skipped. You can replay them.</li>
        <li>Runs that wait keep waiting, for at most 25 hours. Calls that have begun end normally.</li>
        <li>The API answers requests that start or replay runs with 503. Everything else still works.</li>
      </ul>
    </div>
  );
}

function EndChoice({ ends, onEnds }: { ends: boolean; onEnds(ends: boolean): void }) {
  return (
    <fieldset class="stop-ends">
      <legend>How long?</legend>
      <label>
        <input type="radio" name="ends" checked={!ends} onChange={() => onEnds(false)} />
        Until I resume
      </label>
      <label>
        <input type="radio" name="ends" checked={ends} onChange={() => onEnds(true)} />
        Until a time
      </label>
    </fieldset>
  );
}

/** The pauses of the stack that have not begun. */
export function PlannedPauses() {
  const { stack } = useStackPause();
  const [removed, setRemoved] = useState<ShownPause | null>(null);
  const planned = (stack?.pauses ?? []).filter((pause) => Date.parse(pause.from) > Date.now());
  return (
    <>
      {planned.map((pause) => (
        <Planned key={pause.from} pause={pause} onRemove={() => setRemoved(pause)} />
      ))}
      {removed && <RemoveDialog pause={removed} onClose={() => setRemoved(null)} />}
    </>
  );
}

function Planned({ pause, onRemove }: { pause: ShownPause; onRemove(): void }) {
  const { can } = useSession();
  return (
    <Notice
      title={
        <>
          Everything stops from <Time at={pause.from} />{" "}
          {pause.until ? <>until {<Time at={pause.until} />}</> : "until you resume"}
        </>
      }
      actions={can("resume_stack") && <Button onClick={onRemove}>Remove this pause</Button>}
    >
      <p>
        Planned by <Text>{pause.by ?? "an unknown API client"}</Text>
        {pause.reason && (
          <>
            {": "}
            <Text>{pause.reason}</Text>
          </>
        )}
      </p>
    </Notice>
  );
}

function RemoveDialog({ pause, onClose }: { pause: ShownPause; onClose(): void }) {
  const { api } = useSession();
  const { zone } = useZone();
  const { show } = useStackPause();
  const toast = useToast();
  const body = { from: pause.from };
  const remove = useAction(() => read(api.POST("/resume", { body })));
  return (
    <Confirm
      title="Remove the planned pause?"
      verb="Remove the pause"
      action={remove}
      failure="The pause is not removed"
      onClose={onClose}
      onDone={(state) => {
        onClose();
        show(state);
        toast("Removed the planned pause.");
      }}
    >
      <p>Automations then run as usual from {formatTime(pause.from, zone)} on.</p>
      <Terminal command={`aichats auto resume --all --from ${pause.from}`} request={curl("POST", "/resume", body)} />
    </Confirm>
  );
}
