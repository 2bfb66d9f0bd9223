// Replay or cancel the runs that a person selected, one after the other.

import { useState } from "preact/hooks";
import { useAction } from "../hooks";
import { count, joined } from "../model/words";
import { Link } from "../router";
import { useSession } from "../session";
import { Confirm, ResultDialog } from "../ui/dialog";
import { TextField } from "../ui/form";
import { Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { VERBS } from "./runs_bulk";
import { type Changed, cancelRun, replayRun } from "./runs_changes";
import { isChangeable, type Verb } from "./runs_query";
import { Reasons } from "./runs_reasons";
import type { Row } from "./runs_table";

interface Properties {
  verb: Verb;
  rows: readonly Row[];
  onClose(): void;
  /** The runs were changed, each in the way that the dialog shows. */
  onChanged(): void;
}

/** The question before selected runs are changed, then the result for each. */
export function SelectedDialog({ verb, rows, onClose, onChanged }: Properties) {
  const { api } = useSession();
  // The list goes on behind the dialog. These are the runs as they were when the person pressed the button.
  const [chosen] = useState(rows);
  const [reason, setReason] = useState("");
  const [results, setResults] = useState<ReadonlyMap<string, Changed>>(new Map());
  const wanted = chosen.filter((run) => isChangeable(verb, run.status));
  const [finished, setFinished] = useState(false);
  const action = useAction(async () => {
    for (const { run_id } of wanted) {
      if (results.has(run_id)) continue;
      const result = verb === "replay" ? await replayRun(api, run_id) : await cancelRun(api, run_id, reason.trim());
      setResults((before) => new Map(before).set(run_id, result));
    }
    return true;
  });
  const finish = () => {
    setFinished(true);
    onChanged();
  };
  if (finished) return <Results verb={verb} results={results} onClose={onClose} />;
  const rest = wanted.length - results.size;
  return (
    <Confirm
      title={`${VERBS[verb].name} ${count(wanted.length, "run")}?`}
      verb={`${VERBS[verb].name} ${results.size > 0 ? "the other " : ""}${count(rest, "run")}`}
      danger={verb === "cancel"}
      action={action}
      dismiss={verb === "cancel" ? "Keep the runs" : "Close"}
      failure={`aichats stopped after ${results.size} of ${count(wanted.length, "run")}`}
      uncertain={`The last run may have been ${VERBS[verb].done}. Press the button again: no run is changed twice.`}
      disabled={wanted.length === 0}
      onClose={onClose}
      onDone={finish}
    >
      <Left verb={verb} rows={chosen} />
      {verb === "replay" ? (
        <Reasons rows={wanted} />
      ) : (
        <TextField
          label="Reason (optional)"
          hint="Each run shows it."
          maxLength={200}
          value={reason}
          onValue={setReason}
        />
      )}
      <Progress verb={verb} handled={results.size} total={wanted.length} active={action.pending} />
      <Terminal
        command={`aichats runs ${verb} ${wanted.map((run) => run.run_id).join(" ")}`}
        request={`for RUN in ${wanted.map((run) => run.run_id).join(" ")}; do\n  curl -X POST ${window.location.origin}/runs/$RUN/${verb} -H "Authorization: Bearer $AICHATS_TOKEN"\ndone`}
      />
    </Confirm>
  );
}

function Left({ verb, rows }: { verb: Verb; rows: readonly Row[] }) {
  const left = rows.filter((run) => !isChangeable(verb, run.status));
  if (left.length === 0) return null;
  const statuses = [...new Set(left.map((run) => run.status))];
  return (
    <p>
      {left.length} of the {rows.length} selected {rows.length === 1 ? "run stays as it is" : "runs stay as they are"}:{" "}
      {joined(statuses)} runs can't be {VERBS[verb].done}.
    </p>
  );
}

function Progress({ verb, handled, total, active }: { verb: Verb; handled: number; total: number; active: boolean }) {
  if (!active && handled === 0) return null;
  return (
    <div class="progress">
      <progress max={total} value={handled} aria-label="Progress" />
      <span role="status">
        {handled} of {total} {VERBS[verb].done}
      </span>
    </div>
  );
}

interface ResultsProperties {
  verb: Verb;
  results: ReadonlyMap<string, Changed>;
  onClose(): void;
}

function Results({ verb, results, onClose }: ResultsProperties) {
  const done = [...results.values()].filter((each) => each.done).length;
  const noted = [...results].filter(([, each]) => each.detail);
  return (
    <ResultDialog title={`${count(done, "run")} ${VERBS[verb].done}`} onClose={onClose}>
      {done < results.size && <p>{count(results.size - done, "run")} left as before.</p>}
      {noted.length > 0 && (
        <ul class="noted">
          {noted.map(([id, each]) => (
            <li key={id}>
              <Link to={`/runs/${id}`}>
                <code>{id.slice(0, 8)}</code>
              </Link>{" "}
              <Text>{each.detail}</Text>
            </li>
          ))}
        </ul>
      )}
      {verb === "replay" && done > 0 && <p>The replayed runs are performed now. The list shows how they go.</p>}
    </ResultDialog>
  );
}
