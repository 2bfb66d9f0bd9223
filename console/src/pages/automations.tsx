import { read, type Schemas } from "../api/client";
import { usePages } from "../hooks";
import { Link, useQueryParameters } from "../router";
import { useSession } from "../session";
import { Distance, Time } from "../time";
import { LinkButton } from "../ui/button";
import { Page } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { Marks, StateBadge } from "../ui/status";
import { More, Table } from "../ui/table";
import { Text } from "../ui/text";

export function Automations() {
  const { api, can } = useSession();
  const [query] = useQueryParameters();
  const label = query.get("label") ?? undefined;
  const list = usePages(
    `automations ${label}`,
    (cursor) => read(api.GET("/automations", { params: { query: { limit: 25, label, cursor: cursor ?? undefined } } })),
    15_000,
  );
  const create = can("put_automation") && (
    <LinkButton kind="primary" to="/create">
      Create an automation
    </LinkButton>
  );
  return (
    <Page title="Automations" actions={create}>
      <ErrorNotice error={list.error} what="The automations can't be read" onRetry={list.reload} />
      {list.loading && <Loading what="automations" />}
      {list.data?.length === 0 && <Empty title="There are no automations yet">{create}</Empty>}
      {list.data && list.data.length > 0 && (
        <Table
          caption="Automations"
          rows={list.data.filter(isShown)}
          id={(row) => row.name}
          columns={[
            {
              title: "Name",
              cell: (row) => (
                <Link to={`/automations/${row.name}`}>
                  <Text>{row.name}</Text>
                </Link>
              ),
            },
            { title: "State", cell: (row) => <StateBadge state={row.state} /> },
            { title: "Next", cell: (row) => (row.next_at ? <Time at={row.next_at} /> : "–") },
            {
              title: "Last result",
              cell: (row) =>
                row.last_run ? (
                  <>
                    <Marks counts={row.last_run.counts} all={row.last_run.counted_all} />{" "}
                    <Distance at={row.last_run.at} />
                  </>
                ) : (
                  "–"
                ),
            },
          ]}
        />
      )}
      {list.data && (
        <More
          shown={list.data.length}
          what="automations"
          more={list.more}
          loading={list.loadingMore}
          onMore={list.loadMore}
        />
      )}
    </Page>
  );
}

function isShown(row: Schemas["AutomationView"] | Schemas["AutomationInput"]): row is Schemas["AutomationView"] {
  return "state" in row;
}
