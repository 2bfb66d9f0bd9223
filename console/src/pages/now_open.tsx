// The runs that wait or are being performed.

import { type Query, useNow, useQuery } from "../hooks";
import { firstRuns, openSince, type Runs } from "../model/first_runs";
import { useStackPause } from "../model/pause";
import { Link } from "../router";
import { useSession } from "../session";
import { Distance } from "../time";
import { LinkButton } from "../ui/button";
import { Section } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { RunBadge } from "../ui/status";
import { Table } from "../ui/table";
import { Text } from "../ui/text";

const MOST_SHOWN = 10;
const OPEN = "pending,performing";

/** The section of the open runs. */
export function OpenRuns() {
  const { api } = useSession();
  const load = () => firstRuns(api, { status: OPEN, since: openSince() }, MOST_SHOWN);
  const query: Query<Runs> = useQuery("open", load, 10_000);
  const { data: runs } = query;
  const all = runs && runs.list.length > 0 && <LinkButton to={`/runs?status=${OPEN}`}>Show all open runs</LinkButton>;
  return (
    <Section title="Open runs" actions={all}>
      <ErrorNotice error={query.error} what="The open runs can't be read" onRetry={query.reload} />
      {query.loading && <Loading what="the open runs" />}
      {runs?.list.length === 0 && <p class="faint">No run waits or is being performed.</p>}
      {runs && runs.list.length > 0 && <OpenTable runs={runs} />}
    </Section>
  );
}

function OpenTable({ runs }: { runs: Runs }) {
  return (
    <Table
      caption="Open runs, newest first"
      rows={runs.list.slice(0, MOST_SHOWN)}
      id={(run) => run.run_id}
      columns={[
        { title: "Run", cell: (run) => <Link to={`/runs/${run.run_id}`}>{run.automation ?? run.action}</Link> },
        { title: "Status", cell: (run) => <RunBadge status={run.status} /> },
        { title: "Target", cell: (run) => (run.target === null ? "–" : <Text>{run.target}</Text>) },
        { title: "Created", optional: true, cell: (run) => <Distance at={run.created_at} /> },
        { title: "Continues", cell: (run) => <Continues dueAt={run.due_at} /> },
      ]}
    />
  );
}

// While the stack is paused, a run waits even if its time comes.
function Continues({ dueAt }: { dueAt: string | null }) {
  const { stack } = useStackPause();
  const now = useNow();
  if (dueAt === null) return <>–</>;
  if (stack?.paused) return <>after the pause</>;
  return Date.parse(dueAt) <= now ? <>now</> : <Distance at={dueAt} />;
}
