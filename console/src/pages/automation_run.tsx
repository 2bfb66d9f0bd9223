import { useState } from "preact/hooks";
import { isUncertain, read } from "../api/client";
import { useAction } from "../hooks";
import { type AutomationView, describeTargets } from "../model/automation_words";
import { count } from "../model/words";
import { useRepeatKey } from "../repeat_key";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { Dialog, ResultDialog } from "../ui/dialog";
import { ErrorNotice, Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import type { DeedProperties } from "./automation_deeds";
import { StartedRuns } from "./automation_runs";
import { TargetChoice } from "./automation_targets";

type RunNow = { targets: (string | null)[] | null; event: { [key: string]: unknown } | null };
interface Started {
  readonly ids: readonly string[];
  readonly at: number;
}

/** Return how to run an automation now, and what was started. A repeat after an error starts nothing twice. */
export function useRunNow(name: string, onChanged: () => void) {
  const { api } = useSession();
  const [keyOf, forget] = useRepeatKey();
  const [started, setStarted] = useState<Started | null>(null);
  const run = useAction(async (body: RunNow) => {
    const params = { path: { name }, header: { "Idempotency-Key": keyOf(body) } };
    const { run_ids } = await read(api.POST("/automations/{name}/run", { params, body }));
    forget();
    setStarted({ ids: run_ids, at: Date.now() });
    onChanged();
  });
  return { run, started };
}

/** Asks before an automation runs now, for all of its targets or some of them. Then shows the runs until they end. */
export function RunDialog({ automation, onChanged, onClose }: DeedProperties) {
  const { name, targets, paused } = automation;
  const [chosen, setChosen] = useState<(string | null)[] | null>(null);
  const { run, started } = useRunNow(name, onChanged);
  const body = { targets: chosen, event: null };
  const number = (chosen ?? targets).length;
  const submit = (event: Event) => {
    event.preventDefault();
    void run.run(body);
  };
  if (started) return <StartedDialog name={name} started={started} onClose={onClose} />;
  return (
    <Dialog title={`Run ${name} now?`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          <strong>{consequence(automation, number)}</strong> These runs come in addition to those of its schedule
          {paused && paused.scope !== "stack" ? ", and they run although it is paused" : ""}.
        </p>
        {paused?.scope === "stack" && <StackPaused />}
        {targets.length > 1 && <TargetChoice automation={automation} chosen={chosen} onChosen={setChosen} />}
        <Terminal command={command(name, chosen)} request={curl("POST", `/automations/${name}/run`, body)} />
        <RunError error={run.error} name={name} />
        <div class="buttons">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={run.pending} disabled={number === 0}>
            {run.pending ? "Starting…" : `Start ${count(number, "run")}`}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface StartedProperties {
  name: string;
  started: Started;
  onClose(): void;
}

/** The runs of an automation that a person started, until they end. */
export function StartedDialog({ name, started, onClose }: StartedProperties) {
  return (
    <ResultDialog title={`${name} was started`} onClose={onClose}>
      <StartedRuns ids={started.ids} at={started.at} query={{ automation: name, trigger: "http" }} />
    </ResultDialog>
  );
}

/** Why an automation was not run. */
export function RunError({ error, name }: { error: Error | null; name: string }) {
  return (
    <>
      <ErrorNotice error={error} what={`${name} was not run`} />
      {isUncertain(error) && (
        <p>aichats may have started the runs all the same. If you try again, nothing starts twice.</p>
      )}
    </>
  );
}

function StackPaused() {
  return (
    <Notice kind="warning" title="The whole stack is paused">
      <p>aichats starts no runs until the stack is resumed.</p>
    </Notice>
  );
}

const CONSEQUENCES = {
  "whop.create_chat": "creates",
  "kodey.create_chat": "creates",
  "whop.update_chat": "changes",
  "kodey.send_message": "sends a message to",
};

function consequence(automation: AutomationView, number: number): string {
  if (number === 0) return "Choose at least one.";
  const { action } = automation;
  const chats = `This ${CONSEQUENCES[action.type]} ${count(number, "real chat")}`;
  if (action.type === "whop.update_chat" || action.type === "kodey.send_message") return `${chats}.`;
  return number === automation.targets.length && number > 1
    ? `${chats}, one for each of its ${describeTargets(automation)}.`
    : `${chats}.`;
}

function command(name: string, chosen: readonly (string | null)[] | null): string {
  const some = chosen ? ` --for ${quoted(chosen.map((target) => target ?? "").join(","))}` : "";
  return `aichats auto run ${quoted(name)}${some} --wait`;
}
