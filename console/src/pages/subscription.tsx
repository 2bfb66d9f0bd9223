import { ApiError, read } from "../api/client";
import { useQuery } from "../hooks";
import { Link } from "../router";
import { useSession } from "../session";
import { Distance, Time, When } from "../time";
import { Page, Section } from "../ui/page";
import { Empty, ErrorNotice, Loading, Notice } from "../ui/state";
import { curl, Terminal } from "../ui/terminal";
import { Facts, Text } from "../ui/text";
import { SubscriptionActions } from "./subscription_actions";
import { Deliveries } from "./subscription_deliveries";
import { SecretSection } from "./subscription_secret";
import { Address, adviceOn, ReceiverState, type SubscriptionRow, statusIn } from "./subscription_words";

export function Subscription({ parameters }: { parameters: Record<string, string> }) {
  const { api } = useSession();
  const name = parameters.name ?? "";
  const one = useQuery(
    `subscription ${name}`,
    () => read(api.GET("/subscriptions/{name}", { params: { path: { name } } })),
    10_000,
  );
  const row = one.data;
  const isGone = one.error instanceof ApiError && one.error.status === 404;
  return (
    <Page
      title={name}
      heading={
        <>
          {name} {row && <ReceiverState of={row} />}
        </>
      }
      description={row?.description && <Text>{row.description}</Text>}
      actions={row && !isGone && <SubscriptionActions of={row} onChanged={one.reload} />}
    >
      {!isGone && <ErrorNotice error={one.error} what={`${name} can't be read`} onRetry={one.reload} />}
      {one.loading && <Loading what="the subscription" />}
      {isGone && (
        <Empty title={`There is no subscription ${name}`}>
          <p>It was deleted, or its name is another one.</p>
          <Link to="/subscriptions">Show all subscriptions</Link>
        </Empty>
      )}
      {row && !isGone && <Content of={row} onChanged={one.reload} />}
    </Page>
  );
}

function Content({ of, onChanged }: { of: SubscriptionRow; onChanged(): Promise<void> }) {
  const { can } = useSession();
  return (
    <>
      <ReceiverNotice of={of} />
      <Section title="What it sends">
        <Facts items={factsOf(of)} />
        <Terminal command={null} request={curl("GET", `/subscriptions/${of.name}`)} />
      </Section>
      {can("list_deliveries") && <Deliveries of={of} />}
      <SecretSection of={of} onChanged={onChanged} />
    </>
  );
}

function factsOf(of: SubscriptionRow): Parameters<typeof Facts>[0]["items"] {
  return [
    ["Events", <Events key="events" of={of} />],
    ["Filter (JMESPath)", of.filter && <code>{of.filter}</code>],
    ["URL", <Address key="url" of={of} />],
    ["Format", of.format === "slack" ? "message for Slack" : "the event, signed"],
    ["Replies of Kodey chats", of.include_reply ? "included" : "not included"],
    ["Last success", of.last_success_at ? <When at={of.last_success_at} /> : "never"],
    ["Created", <Changed key="created" at={of.created_at} by={of.created_by} />],
    [
      "Changed",
      of.updated_at === of.created_at ? null : <Changed key="changed" at={of.updated_at} by={of.updated_by} />,
    ],
  ];
}

function Events({ of }: { of: SubscriptionRow }) {
  return of.events.includes("*") ? <>all events</> : <Text>{of.events.join(", ")}</Text>;
}

function Changed({ at, by }: { at: string; by: string | null }) {
  return (
    <>
      <When at={at} />
      {by && (
        <>
          {" "}
          by <Text>{by}</Text>
        </>
      )}
    </>
  );
}

/** Why nothing arrives, and what happens next. */
function ReceiverNotice({ of }: { of: SubscriptionRow }) {
  if (!of.enabled)
    return (
      <Notice kind="warning" title={`${of.name} is disabled, so nothing is sent`}>
        <p>Events that happen now are not sent later. After you enable it, you can deliver them again.</p>
      </Notice>
    );
  if (!of.failing_since) return null;
  return (
    <Notice
      kind="error"
      title={
        <>
          The receiver has failed since <When at={of.failing_since} />
        </>
      }
    >
      {of.last_error && (
        <p>
          The newest failure: <Text>{of.last_error}</Text>. {adviceOn(statusIn(of.last_error), of.last_error)}
        </p>
      )}
      <p>
        <NextCall at={of.next_attempt_at} /> If the receiver accepts it, everything that waits is sent at once. A
        delivery that waits for 76 hours fails.
      </p>
    </Notice>
  );
}

function NextCall({ at }: { at: string | null }) {
  if (at === null || Date.parse(at) < Date.now()) return <>aichats sends it an event again within five minutes.</>;
  return (
    <>
      aichats sends it an event again <Distance at={at} />, after <Time at={at} />.
    </>
  );
}
