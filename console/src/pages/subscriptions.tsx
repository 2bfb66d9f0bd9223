import { read } from "../api/client";
import { useQuery } from "../hooks";
import { Link } from "../router";
import { useSession } from "../session";
import { Distance, Time } from "../time";
import { LinkButton } from "../ui/button";
import { Page } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { type Column, Table } from "../ui/table";
import { curl, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { hostOf, ReceiverState, Selected, type SubscriptionRow, Waiting } from "./subscription_words";
import { RecentEvents } from "./subscriptions_events";

export function Subscriptions() {
  const { api, can } = useSession();
  const list = useQuery("subscriptions", () => read(api.GET("/subscriptions")), 10_000);
  const rows = list.data?.data;
  const create = can("put_subscription") && (
    <LinkButton kind="primary" to="/subscribe">
      Create a subscription
    </LinkButton>
  );
  return (
    <Page
      title="Subscriptions"
      description="aichats sends an event when something happens, such as a run that fails. A subscription sends the events that you select to a receiver: a URL of yours, or a Slack channel."
      actions={rows?.length !== 0 && create}
    >
      <ErrorNotice error={list.error} what="The subscriptions can't be read" onRetry={list.reload} />
      {list.loading && <Loading what="subscriptions" />}
      {rows?.length === 0 && (
        <Empty title="There are no subscriptions yet">
          <p>Create one to hear of failed runs in Slack, or at a URL of yours.</p>
          {create}
        </Empty>
      )}
      {rows && rows.length > 0 && (
        <Table caption="Subscriptions" rows={rows} id={(row) => row.name} columns={COLUMNS} />
      )}
      <Terminal command="aichats notify list" request={curl("GET", "/subscriptions")} />
      {can("list_events") && <RecentEvents />}
    </Page>
  );
}

const COLUMNS: readonly Column<SubscriptionRow>[] = [
  {
    title: "Name",
    cell: (row) => (
      <div class="cell-lines">
        <Link to={`/subscriptions/${row.name}`}>{row.name}</Link>
        {row.description && (
          <span class="faint">
            <Text>{row.description}</Text>
          </span>
        )}
      </div>
    ),
  },
  { title: "State", cell: (row) => <StateCell of={row} /> },
  {
    title: "Sends to",
    cell: (row) => (
      <div class="cell-lines">
        <span class="host">
          <Text>{hostOf(row.url)}</Text>
        </span>
        <span class="faint">{row.format === "slack" ? "messages for Slack" : "signed webhooks"}</span>
      </div>
    ),
  },
  { title: "Events", cell: (row) => <Selected of={row} /> },
  { title: "Last success", cell: (row) => (row.last_success_at ? <Distance at={row.last_success_at} /> : "–") },
];

function StateCell({ of }: { of: SubscriptionRow }) {
  return (
    <div class="cell-lines">
      <span>
        <ReceiverState of={of} />
      </span>
      {of.enabled && of.failing_since && (
        <span class="faint">
          since <Time at={of.failing_since} />
        </span>
      )}
      {of.enabled && of.last_error && (
        <span class="faint">
          <Text>{of.last_error}</Text>
        </span>
      )}
      {of.enabled && of.failing_since && <Waiting of={of} />}
    </div>
  );
}
