import type { Schemas } from "../api/client";
import { useNow } from "../hooks";
import { Link } from "../router";
import { formatDuration, Time } from "../time";
import { OPEN_STATUSES, RunBadge } from "../ui/status";
import type { Column } from "../ui/table";
import { Text } from "../ui/text";

export type Row = Schemas["RunView"];

const SHORT_ID = 8;

/** The columns of a list of runs. */
export const RUN_COLUMNS: readonly Column<Row>[] = [
  {
    title: "Run",
    cell: (run) => (
      <span class="stacked">
        <RunBadge status={run.status} />
        <Link to={`/runs/${run.run_id}`}>
          <code>{run.run_id.slice(0, SHORT_ID)}</code>
          <span class="hidden">{run.run_id.slice(SHORT_ID)}</span>
        </Link>
      </span>
    ),
  },
  { title: "Automation and target", cell: (run) => <Subject run={run} /> },
  {
    title: "Started by",
    cell: (run) => (
      <span class="stacked">
        <span>{STARTED_BY[run.trigger] ?? run.trigger}</span>
        {run.slot && (
          <span class="faint">
            slot <Time at={run.slot} />
          </span>
        )}
      </span>
    ),
  },
  {
    title: "Created and took",
    cell: (run) => (
      <span class="stacked">
        <Time at={run.created_at} />
        <Took run={run} />
      </span>
    ),
  },
  { title: "Attempts", numeric: true, optional: true, cell: (run) => run.attempts },
  {
    title: "Chat and reply",
    cell: (run) =>
      run.chat_id === null && run.reply_status === null ? (
        <span class="nothing">–</span>
      ) : (
        <span class="stacked">
          {run.chat_id && (
            <code class="clipped">
              <Text>{run.chat_id}</Text>
            </code>
          )}
          <Reply run={run} />
        </span>
      ),
  },
];

/** What started a run, by its trigger. */
export const STARTED_BY: Record<string, string> = { schedule: "Schedule", webhook: "Whop event", http: "API client" };

function Subject({ run }: { run: Row }) {
  return (
    <span class="stacked">
      {run.automation ? (
        <Link to={`/automations/${run.automation}`}>
          <Text>{run.automation}</Text>
        </Link>
      ) : (
        <span class="faint">no automation</span>
      )}
      {run.target && (
        <span>
          <Text>{run.target}</Text>
        </span>
      )}
      {run.error?.message && (
        <span class="run-reason">
          <Text>{run.error.message}</Text>
        </span>
      )}
    </span>
  );
}

/** How long a run took or, if it is open, how long it has taken until now. */
export function Took({ run }: { run: Row }) {
  if (run.finished_at)
    return <span class="faint">took {formatDuration(Date.parse(run.finished_at) - Date.parse(run.created_at))}</span>;
  return OPEN_STATUSES.includes(run.status) ? <Age since={run.created_at} /> : null;
}

function Age({ since }: { since: string }) {
  const now = useNow();
  return <span class="faint">open for {formatDuration(Math.max(0, now - Date.parse(since)))}</span>;
}

function Reply({ run }: { run: Row }) {
  if (run.reply_status === null) return null;
  const took = run.reply_seconds === null ? "" : ` after ${formatDuration(run.reply_seconds * 1000)}`;
  const words = { awaited: "◐ reply awaited", replied: `● replied${took}`, overdue: "! reply overdue" };
  return <span class={`reply-${run.reply_status}`}>{words[run.reply_status]}</span>;
}

/** Return the name of a run for people who hear it, such as "failed run of daily-numbers for biz_A". */
export function nameOf(run: Row): string {
  const owner = run.automation ? ` of ${run.automation}` : "";
  return `${run.status} run${owner}${run.target ? ` for ${run.target}` : ""}`;
}

/** Links to runs by their ids. */
export function RunIds({ ids }: { ids: readonly string[] }) {
  return (
    <ul class="ids">
      {ids.map((id) => (
        <li key={id}>
          <Link to={`/runs/${id}`}>
            <code>{id}</code>
          </Link>
        </li>
      ))}
    </ul>
  );
}
