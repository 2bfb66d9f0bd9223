import { useState } from "preact/hooks";
import { ApiError, read, type Schemas, take } from "../api/client";
import { useAction } from "../hooks";
import { type AutomationView, changedFields } from "../model/automation_words";
import { useNavigation } from "../router";
import { type Session, useSession } from "../session";
import { Time } from "../time";
import { Button } from "../ui/button";
import { Confirm } from "../ui/dialog";
import { Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { useToast } from "../ui/toast";
import type { DeedProperties } from "./automation_deeds";
import { isView } from "./automations_search";

/** Asks before an automation is enabled or disabled. */
export function ChangeEnabled({ automation, enabled, onChanged, onClose }: DeedProperties & { enabled: boolean }) {
  const { api } = useSession();
  const toast = useToast();
  const [shown, setShown] = useState(automation);
  const { name } = shown;
  const change = useAction(() => putEnabled(api, shown, enabled));
  const verb = `${enabled ? "Enable" : "Disable"} ${name}`;
  const done = () => {
    toast(`${enabled ? "Enabled" : "Disabled"} ${name}`);
    onChanged();
    onClose();
  };
  return (
    <Confirm
      title={`${verb}?`}
      verb={verb}
      action={change}
      failure={`${name} is not ${enabled ? "enabled" : "disabled"}`}
      onDone={done}
      onClose={onClose}
    >
      <p>{enabled ? ENABLED[shown.trigger.type] : DISABLED[shown.trigger.type]}</p>
      <Managed automation={shown} />
      <Changed shown={shown} error={change.error} onLoaded={setShown} onAgain={change.reset} />
      <Terminal command={null} request={curl("PUT", `/automations/${name}`, withEnabled(shown, enabled))} />
    </Confirm>
  );
}

const ENABLED = {
  schedule: "It runs again from its next time on. Times that were skipped stay skipped.",
  webhook: "It runs again from the next event on. Earlier events started nothing, and can't be replayed.",
};
const DISABLED = {
  schedule: "It skips all times until you enable it. To stop it for some days only, pause it instead.",
  webhook:
    "Events start nothing until you enable it, and can't be replayed later. To be able to replay them, pause it instead.",
};

/** Asks before an automation is deleted. */
export function DeleteAutomation({ automation, onClose }: DeedProperties) {
  const { api } = useSession();
  const { go } = useNavigation();
  const toast = useToast();
  const [shown, setShown] = useState(automation);
  const { name } = shown;
  const remove = useAction(async () => {
    const header = { "If-Match": shown.etag };
    await take(api.DELETE("/automations/{name}", { params: { path: { name }, header } }));
    return true;
  });
  const done = () => {
    toast(`Deleted ${name}`);
    onClose();
    go("/automations");
  };
  return (
    <Confirm
      title={`Delete ${name}?`}
      verb={`Delete ${name}`}
      danger
      action={remove}
      failure={`${name} is not deleted`}
      onDone={done}
      onClose={onClose}
    >
      <p>
        It starts nothing anymore, and its pauses are deleted too. You can't undo this. Runs that it has started
        continue, and the history keeps them.
      </p>
      <Managed automation={shown} />
      <Changed shown={shown} error={remove.error} onLoaded={setShown} onAgain={remove.reset} />
      <Terminal command={`aichats auto delete ${quoted(name)}`} request={curl("DELETE", `/automations/${name}`)} />
    </Confirm>
  );
}

/** Says that files in git will undo a change. */
export function Managed({ automation }: { automation: AutomationView }) {
  if (!automation.managed_by) return null;
  return (
    <Notice kind="warning" title="Files in git manage this automation">
      <p>
        The next <code>aichats apply</code> of <Text>{automation.managed_by}</Text> undoes changes that you make here.
      </p>
    </Notice>
  );
}

interface ChangedProperties {
  shown: AutomationView;
  error: Error | null;
  onLoaded(automation: AutomationView): void;
  onAgain(): void;
}

/** If a change was rejected because another person has changed the automation: who, what, and the new version. */
function Changed({ shown, error, onLoaded, onAgain }: ChangedProperties) {
  const { api } = useSession();
  const [loaded, setLoaded] = useState<{ before: AutomationView; after: AutomationView } | null>(null);
  const load = useAction(() => readView(api, shown.name));
  const loadNew = async () => {
    const after = await load.run();
    if (!after) return;
    setLoaded({ before: shown, after });
    onLoaded(after);
    onAgain();
  };
  if (error instanceof ApiError && error.status === 412) {
    return (
      <Button busy={load.pending} onClick={loadNew}>
        {load.error ? "The new version can't be read. Try again" : "Show what has changed"}
      </Button>
    );
  }
  if (!loaded) return null;
  const fields = changedFields(loaded.before, loaded.after);
  return (
    <Notice kind="warning" title="You see the new version now">
      <p>
        <Text>{loaded.after.updated_by ?? "An API client"}</Text> changed {fields.join(", ") || "it"} at{" "}
        <Time at={loaded.after.updated_at} />. If you still want to, press the button again.
      </p>
    </Notice>
  );
}

async function readView(api: Session["api"], name: string): Promise<AutomationView> {
  const found = await read(api.GET("/automations/{name}", { params: { path: { name } } }));
  if (!isView(found)) throw new Error("The answer has no state.");
  return found;
}

// What was sent is put back, without defaults, so that files in git have no other difference.
async function putEnabled(api: Session["api"], { name, etag }: AutomationView, enabled: boolean) {
  const query = { view: "input" as const };
  const written = await read(api.GET("/automations/{name}", { params: { path: { name }, query } }));
  if (!isBody(written)) throw new Error("The answer has no definition.");
  const body = withEnabled(written, enabled);
  return read(api.PUT("/automations/{name}", { params: { path: { name }, header: { "If-Match": etag } }, body }));
}

function withEnabled<T extends Pick<AutomationView, "trigger">>(definition: T, enabled: boolean): T {
  return { ...definition, trigger: { ...definition.trigger, enabled } };
}

function isBody(value: object): value is Schemas["AutomationBody"] {
  return "trigger" in value && "action" in value && "targets" in value;
}
