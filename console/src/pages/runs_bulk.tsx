// Replay or cancel all runs that match the filters, as a job.

import { useRef, useState } from "preact/hooks";
import type { Schemas } from "../api/client";
import { useAction, useQuery } from "../hooks";
import { count, joined } from "../model/words";
import { useRepeatKey } from "../repeat_key";
import { useNavigation } from "../router";
import { useSession } from "../session";
import { Confirm } from "../ui/dialog";
import { Checkbox } from "../ui/form";
import { ErrorNotice } from "../ui/state";
import { RUN_STATUSES, type RunStatus } from "../ui/status";
import { curl, Terminal } from "../ui/terminal";
import { countRuns, type JobRequest, startJob } from "./runs_changes";
import { CHANGEABLE, type Filters, isChangeable, jobFilterOf, optionsOf, type Verb, type Window } from "./runs_query";
import { Reasons } from "./runs_reasons";
import { type Row, RunIds } from "./runs_table";

export const VERBS: Record<Verb, { name: string; done: string }> = {
  replay: { name: "Replay", done: "replayed" },
  cancel: { name: "Cancel", done: "cancelled" },
};

interface Properties {
  verb: Verb;
  filters: Filters;
  window: Window | null;
  /** The runs that the list shows, for the reasons why they failed. */
  shown: readonly Row[];
  /** What is asked, where the page doesn't show the filters. */
  title?: string;
  onClose(): void;
}

/** The question before a job: which runs, how many, and why others are left out. */
export function MatchingDialog({ verb, filters, window, shown, title, onClose }: Properties) {
  const { api } = useSession();
  const { go } = useNavigation();
  const [statuses, setStatuses] = useState(() => usualStatuses(verb, filters));
  // The window is that of the list when the dialog opened.
  const frozen = useRef(window).current;
  const request: JobRequest = { verb, filters, window: frozen, statuses };
  const name = `${verb} ${statuses.join()}`;
  const found = useQuery(statuses.length > 0 ? name : null, () => countRuns(api, request));
  const [keyOf] = useRepeatKey();
  const action = useAction(() => startJob(api, request, keyOf(request)));
  const number = found.data?.count ?? 0;
  const many = `${found.data?.has_more ? "the newest " : ""}${count(number, "run")}`;
  return (
    <Confirm
      title={title ?? `${VERBS[verb].name} all runs that match`}
      verb={number > 0 ? `${VERBS[verb].name} ${many}` : `${VERBS[verb].name} runs`}
      danger={verb === "cancel"}
      action={action}
      dismiss={verb === "cancel" ? "Keep the runs" : "Close"}
      failure="The job did not start"
      uncertain="The job may have started. Press the button again: the same request never starts a second job."
      disabled={number === 0}
      onClose={onClose}
      onDone={(job) => go(`/jobs/${job.job_id}`)}
    >
      <StatusChoice verb={verb} filters={filters} statuses={statuses} onChange={setStatuses} />
      <ErrorNotice error={found.error} what="The runs can't be counted" onRetry={found.reload} />
      <Count verb={verb} found={found.data} loading={found.loading} none={statuses.length === 0} />
      <LeftOut verb={verb} filters={filters} />
      {verb === "replay" && <Reasons rows={shown.filter((run) => statuses.includes(run.status))} />}
      <p class="hint">{CONSEQUENCE[verb]}</p>
      <Commands request={request} />
    </Confirm>
  );
}

const CONSEQUENCE: Record<Verb, string> = {
  replay:
    "Each run is performed again, at the pace that the provider allows. If the outcome of an earlier attempt is " +
    "unknown, aichats looks for the chat before it creates one.",
  cancel: "A cancelled run is final. A run whose chat exists already continues.",
};

function usualStatuses(verb: Verb, filters: Filters): RunStatus[] {
  const chosen = filters.statuses.filter((status) => isChangeable(verb, status));
  return chosen.length > 0 || filters.statuses.length > 0 ? chosen : [...CHANGEABLE[verb].usual];
}

interface ChoiceProperties {
  verb: Verb;
  filters: Filters;
  statuses: readonly RunStatus[];
  onChange(statuses: RunStatus[]): void;
}

function StatusChoice({ verb, filters, statuses, onChange }: ChoiceProperties) {
  const { usual, others } = CHANGEABLE[verb];
  const open = [...usual, ...others].filter((each) => filters.statuses.length === 0 || filters.statuses.includes(each));
  return (
    <fieldset class="run-choices paired">
      <legend>{`Runs to ${verb}`}</legend>
      {open.map((status) => (
        <Checkbox
          key={status}
          label={`${RUN_STATUSES[status].sign} ${status}`}
          hint={RUN_STATUSES[status].meaning}
          checked={statuses.includes(status)}
          onChecked={(checked) =>
            onChange(open.filter((each) => (each === status ? checked : statuses.includes(each))))
          }
        />
      ))}
    </fieldset>
  );
}

interface CountProperties {
  verb: Verb;
  found: Schemas["MatchingRuns"] | undefined;
  loading: boolean;
  none: boolean;
}

function Count({ verb, found, loading, none }: CountProperties) {
  const { done } = VERBS[verb];
  const text = () => {
    if (none) return "Choose at least one status.";
    if (loading) return "Counting the runs…";
    if (!found) return "";
    if (found.count === 0) return `No run matches, so there is nothing to ${verb}.`;
    const many = `${count(found.count, "run")} ${found.count === 1 ? "matches" : "match"} and would be ${done}.`;
    return found.has_more ? `${many} More runs may match: repeat this when the job is done.` : many;
  };
  return (
    <div>
      <p role="status" class="job-count">
        {text()}
      </p>
      {found && found.sample.length > 0 && <Sample ids={found.sample} total={found.count} />}
    </div>
  );
}

function Sample({ ids, total }: { ids: readonly string[]; total: number }) {
  return (
    <details>
      <summary>{ids.length < total ? `The first ${ids.length} of them` : "Their IDs"}</summary>
      <RunIds ids={ids} />
    </details>
  );
}

/** Why runs that the list shows are left out of the job. */
function LeftOut({ verb, filters }: { verb: Verb; filters: Filters }) {
  const chosen = filters.statuses.length > 0 ? filters.statuses : Object.keys(RUN_STATUSES);
  const left = chosen.filter(
    (status) => ![...CHANGEABLE[verb].usual, ...CHANGEABLE[verb].others].some((each) => each === status),
  );
  if (left.length === 0) return null;
  return (
    <p class="faint">
      Left out: {joined(left)} runs. {WHY[verb]}
    </p>
  );
}

const WHY: Record<Verb, string> = {
  replay: "Only runs that ended without their chat can be replayed, and a cancelled run is final.",
  cancel: "Only runs that have not ended can be cancelled.",
};

function Commands({ request: { verb, filters, window, statuses } }: { request: JobRequest }) {
  const filter = jobFilterOf(filters, window);
  const given = Object.entries(filter).filter(([, value]) => value !== null);
  const options = optionsOf({ ...filters, statuses });
  return (
    <Terminal
      command={options === null ? null : `aichats runs ${verb}${options}`}
      request={curl("POST", `/runs/${verb}`, {
        filter: { ...Object.fromEntries(given), status: statuses },
        limit: 10_000,
      })}
    />
  );
}
