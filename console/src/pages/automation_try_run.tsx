import { ApiError } from "../api/client";
import type { JsonObject } from "../model/json";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { curl, quoted, Terminal } from "../ui/terminal";
import type { DeedProperties } from "./automation_deeds";
import { RunError, StartedDialog, useRunNow } from "./automation_run";

/** Asks before one automation runs for an event. Then shows its runs until they end. */
export function ConfirmRun({ automation, event, onChanged, onClose }: DeedProperties & { event: JsonObject }) {
  const { name, paused } = automation;
  const { run, started } = useRunNow(name, onChanged);
  const body = { event, targets: null };
  const submit = (submitted: Event) => {
    submitted.preventDefault();
    void run.run(body);
  };
  if (started) return <StartedDialog name={name} started={started} onClose={onClose} />;
  return (
    <Dialog title={`Run ${name} with this event?`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          <strong>The chats are real.</strong> No other automation runs.
          {paused && paused.scope !== "stack" && " It runs although it is paused."}
        </p>
        <Terminal
          command={`aichats auto run ${quoted(name)} --event event.json --wait`}
          request={curl("POST", `/automations/${name}/run`, body)}
        />
        <RunError error={run.error} name={name} />
        {run.error instanceof ApiError && run.error.status === 422 && <p>To change the event, close this question.</p>}
        <div class="buttons">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={run.pending}>
            {run.pending ? "Starting…" : `Run ${name}`}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
