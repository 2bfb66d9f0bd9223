import { useState } from "preact/hooks";
import { useAction } from "../hooks";
import { useNavigation } from "../router";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { Confirm } from "../ui/dialog";
import { TextField } from "../ui/form";
import { OPEN_STATUSES } from "../ui/status";
import { curl, quoted, Terminal } from "../ui/terminal";
import { useToast } from "../ui/toast";
import { adviceFor } from "./run_advice";
import { ResolveDialog } from "./run_resolve";
import { type RunDetails, workOf } from "./run_story";
import { type Changed, cancelRun, replayRun } from "./runs_changes";
import { isChangeable } from "./runs_query";

interface Properties {
  run: RunDetails;
  onChanged(): void;
}

/** What a person can do with a run in its state. */
export function RunActions({ run, onChanged }: Properties) {
  const { can } = useSession();
  const [asking, setAsking] = useState<"replay" | "cancel" | "resolve" | null>(null);
  const close = () => setAsking(null);
  const done = () => {
    close();
    onChanged();
  };
  const isReplaced = Boolean(run.error?.replaced_by?.length);
  return (
    <>
      {run.status === "unknown" && can("resolve_run") && (
        <Button kind="primary" onClick={() => setAsking("resolve")}>
          Say what happened…
        </Button>
      )}
      {isChangeable("replay", run.status) && !isReplaced && can("replay_run") && (
        <Button kind={run.status === "unknown" ? "plain" : "primary"} onClick={() => setAsking("replay")}>
          Replay this run…
        </Button>
      )}
      {OPEN_STATUSES.includes(run.status) && can("cancel_run") && (
        <Button onClick={() => setAsking("cancel")}>Cancel this run…</Button>
      )}
      {asking === "replay" && <ReplayDialog run={run} onClose={close} onDone={done} />}
      {asking === "cancel" && <CancelDialog run={run} onClose={close} onDone={done} />}
      {asking === "resolve" && <ResolveDialog run={run} onClose={close} onDone={done} />}
    </>
  );
}

interface DialogProperties {
  run: RunDetails;
  onClose(): void;
  onDone(): void;
}

function ReplayDialog({ run, onClose, onDone }: DialogProperties) {
  const { api } = useSession();
  const { go } = useNavigation();
  const toast = useToast();
  const action = useAction(async () => checked(await replayRun(api, run.run_id)));
  const finish = ({ run_ids, detail }: Changed) => {
    toast(detail || "The run is performed again now.");
    onDone();
    const [only] = run_ids;
    if (run_ids.length === 1 && only !== undefined && only !== run.run_id) go(`/runs/${only}`);
  };
  return (
    <Confirm
      title="Replay this run?"
      verb="Replay this run"
      action={action}
      failure="The run is not replayed"
      onClose={onClose}
      onDone={finish}
    >
      <p>aichats tries again to {workOf(run)}. The run keeps its id.</p>
      {run.status === "unknown" ? (
        <p>aichats looks for the chat of the earlier attempt first. If it finds the chat, it creates no second one.</p>
      ) : (
        <p class="faint">{adviceFor(run)}</p>
      )}
      <Terminal
        command={`aichats runs replay ${run.run_id} --wait`}
        request={curl("POST", `/runs/${run.run_id}/replay`)}
      />
    </Confirm>
  );
}

function CancelDialog({ run, onClose, onDone }: DialogProperties) {
  const { api } = useSession();
  const toast = useToast();
  const [reason, setReason] = useState("");
  const given = reason.trim();
  const action = useAction(async () => checked(await cancelRun(api, run.run_id, given)));
  const finish = ({ detail }: Changed) => {
    toast(detail || "The run is cancelled.");
    onDone();
  };
  return (
    <Confirm
      title="Cancel this run?"
      verb="Cancel this run"
      danger
      action={action}
      dismiss="Keep the run"
      failure="The run is not cancelled"
      onClose={onClose}
      onDone={finish}
    >
      <p>
        A cancelled run is final: it can't be replayed. If aichats doesn't know whether the chat exists, it looks first.
        If the chat exists, the run continues.
      </p>
      <TextField
        label="Reason (optional)"
        hint="The run shows it."
        maxLength={200}
        value={reason}
        onValue={setReason}
      />
      <Terminal
        command={`aichats runs cancel ${run.run_id}${given ? ` --reason ${quoted(given)}` : ""}`}
        request={curl("POST", `/runs/${run.run_id}/cancel`, given ? { reason: given } : undefined)}
      />
    </Confirm>
  );
}

/** Return a change that was made. For one run, a change that the API rejected is an error like others. */
function checked(changed: Changed): Changed {
  if (!changed.done) throw new Error(changed.detail);
  return changed;
}
