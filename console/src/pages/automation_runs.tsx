import { useState } from "preact/hooks";
import { type Api, read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { type AutomationView, targetName } from "../model/automation_words";
import { amount, count } from "../model/words";
import { Link } from "../router";
import { useSession } from "../session";
import { Distance } from "../time";
import { Section } from "../ui/page";
import { usePortion } from "../ui/portion";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { Marks, OPEN_STATUSES, RunBadge } from "../ui/status";
import { type Column, Table } from "../ui/table";
import { Text } from "../ui/text";
import { ZonedTime } from "../ui/zoned_time";
import { runsOf } from "./automation_state";
import { STARTED_BY } from "./runs_table";

type RunView = Schemas["RunView"];
const NEWEST = 10;
const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;
/** A page of the API may be empty although there are more. */
const MOST_READS = 5;

/** The newest runs of an automation. */
export function NewestRuns({ automation }: { automation: AutomationView }) {
  const { api } = useSession();
  const { name, last_run: last } = automation;
  const window = windowOf(last?.at ?? null);
  const runs = useQuery(
    `newest runs of ${name} ${JSON.stringify(window)}`,
    () => readRuns(api, { automation: name, limit: NEWEST, ...window }, (found) => found.length >= NEWEST),
    10_000,
  );
  const all = <Link to={runsOf(name)}>Show all runs</Link>;
  return (
    <Section title="Newest runs" actions={all}>
      {last && (
        <p class="beside">
          <span>Last result</span> <Marks counts={last.counts} all={last.counted_all} />
          <span>{countsOf(last)}</span>
          <span class="faint">
            <Distance at={last.at} />
          </span>
        </p>
      )}
      <ErrorNotice error={runs.error} what="The runs can't be read" onRetry={runs.reload} />
      {runs.loading && <Loading what="runs" />}
      {runs.data?.length === 0 && (
        <Empty title={last ? "Its runs are not in the history anymore" : "It has not run yet"} />
      )}
      {runs.data && runs.data.length > 0 && (
        <RunTable
          caption={`Newest runs of ${name}`}
          rows={runs.data.slice(0, NEWEST).map((run) => ({ id: run.run_id, run }))}
        />
      )}
    </Section>
  );
}

function countsOf({ counts, counted_all }: Schemas["LastRun"]): string {
  const parts = Object.entries(counts).map(([status, number]) => `${amount(number)} ${status}`);
  return parts.join(", ") + (counted_all ? "" : ", and more");
}

/** Return the time in which the API looks for runs: its default, or around the last run if that is longer ago. */
function windowOf(last: string | null): { since?: string; until?: string } {
  if (last === null || Date.parse(last) > Date.now() - DEFAULT_DAYS * DAY_MS) return {};
  const at = Date.parse(last);
  return { since: new Date(at - DAY_MS).toISOString(), until: new Date(at + DAY_MS).toISOString() };
}

interface Row {
  readonly id: string;
  /** Undefined if it isn't known yet. */
  readonly run: RunView | undefined;
}

/** Runs, each with a link to its page. A brief table leaves out when and why they started. */
function RunTable({ caption, rows, brief = false }: { caption: string; rows: readonly Row[]; brief?: boolean }) {
  const { can } = useSession();
  return (
    <Table
      caption={caption}
      rows={rows}
      id={(row) => row.id}
      columns={[
        {
          title: "For",
          cell: ({ id, run }) => {
            const text = run ? <Text>{targetName(run.target)}</Text> : <code>{id.slice(0, 8)}…</code>;
            return can("get_run") ? <Link to={`/runs/${id}`}>{text}</Link> : text;
          },
        },
        { title: "Status", cell: ({ run }) => (run ? <RunBadge status={run.status} /> : <span class="faint">…</span>) },
        ...(brief ? [] : [TIME, STARTER]),
        ...(rows.some(({ run }) => run?.error?.message) ? [ERROR] : []),
      ]}
    />
  );
}

const TIME: Column<Row> = {
  title: "Time",
  cell: ({ run }) => run && <ZonedTime at={run.slot ?? run.created_at} zone={null} />,
};
const STARTER: Column<Row> = {
  title: "Started by",
  cell: ({ run }) => run && (STARTED_BY[run.trigger] ?? run.trigger),
  optional: true,
};
const ERROR: Column<Row> = {
  title: "Error",
  cell: ({ run }) => run?.error?.message && <Text>{shortened(run.error.message)}</Text>,
};
const LONGEST_ERROR = 140;

function shortened(text: string): string {
  return text.length > LONGEST_ERROR ? `${text.slice(0, LONGEST_ERROR)}…` : text;
}

type RunQuery = {
  automation?: string;
  label?: string;
  trigger?: "http";
  since?: string;
  until?: string;
  limit: number;
};

interface StartedProperties {
  ids: readonly string[];
  /** Selects the runs in the list of the API. */
  query: { automation: string; trigger: "http" } | { label: string };
  /** When the runs were started. */
  at: number;
}

/** Runs that were just started, until they end. Very many are not followed here, but on the page of runs. */
export function StartedRuns({ ids, query, at }: StartedProperties) {
  const { api, can } = useSession();
  const [areEnded, setAreEnded] = useState(false);
  const wanted = new Set(ids);
  // The clocks of this machine and of the stack may differ.
  const since = new Date(at - 10 * 60_000).toISOString();
  const isFollowed = can("list_runs") && ids.length <= MOST_FOLLOWED;
  const known = useQuery(
    isFollowed ? `started ${ids.join()}` : null,
    async () => {
      const isAll = (found: RunView[]) => found.filter((run) => wanted.has(run.run_id)).length >= wanted.size;
      const found = await readRuns(api, { ...query, since, limit: 100 }, isAll);
      const runs = found.filter((run) => wanted.has(run.run_id));
      setAreEnded(runs.length === wanted.size && runs.every(isEnded));
      return new Map(runs.map((run) => [run.run_id, run]));
    },
    areEnded ? undefined : 2_000,
  );
  const { shown, more } = usePortion(ids, 10, "runs");
  const ended = [...(known.data?.values() ?? [])].filter(isEnded);
  return (
    <div class="spaced">
      <p role="status">{progress(ids.length, isFollowed ? ended : null)}</p>
      <ErrorNotice error={known.error} what="The runs were started, but can't be read" onRetry={known.reload} />
      <RunTable brief caption="Started runs" rows={shown.map((id) => ({ id, run: known.data?.get(id) }))} />
      {more}
      {can("list_runs") && ids.length > 1 && (
        <p>
          <Link to={`/runs?${new URLSearchParams(query)}`}>Show them on the page of runs</Link>
        </p>
      )}
    </div>
  );
}

const MOST_FOLLOWED = 300;

function isEnded(run: RunView): boolean {
  return !OPEN_STATUSES.includes(run.status);
}

/** Return how far started runs are. `ended` is null if they are not followed. */
function progress(total: number, ended: readonly RunView[] | null): string {
  if (ended === null) return `Started ${count(total, "run")}.`;
  if (ended.length < total) return `Started ${count(total, "run")}. ${ended.length} of ${total} ended.`;
  return `${total === 1 ? "The run has" : `All ${count(total, "run")} have`} ended: ${summary(ended)}.`;
}

function summary(runs: readonly RunView[]): string {
  const counts = new Map<string, number>();
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, number]) => `${number} ${status}`).join(", ");
}

async function readRuns(api: Api, query: RunQuery, isEnough: (found: RunView[]) => boolean): Promise<RunView[]> {
  const found: RunView[] = [];
  let cursor: string | undefined;
  for (let reads = 0; reads < MOST_READS; reads++) {
    const page = await read(api.GET("/runs", { params: { query: { ...query, ...(cursor ? { cursor } : {}) } } }));
    found.push(...page.data);
    if (isEnough(found) || !page.next_cursor) break;
    cursor = page.next_cursor;
  }
  return found;
}
