// What subscriptions, their receivers and deliveries are called, in words for people.

import { useState } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { Link } from "../router";
import { useSession } from "../session";
import { Badge } from "../ui/status";
import { Text } from "../ui/text";

export type SubscriptionRow = Schemas["SubscriptionView"];
export type Delivery = Schemas["DeliveryView"];

export const STATUSES: Record<Delivery["status"], { badge: string; sign: string; meaning: string }> = {
  delivered: { badge: "succeeded", sign: "●", meaning: "the receiver accepted the event" },
  waiting: { badge: "pending", sign: "○", meaning: "aichats tries again" },
  failed: { badge: "failed", sign: "✕", meaning: "aichats has given up" },
};

/** The status of a delivery. */
export function DeliveryBadge({ status }: { status: Delivery["status"] }) {
  const { badge, sign } = STATUSES[status];
  return <Badge kind={badge} sign={sign} text={status} />;
}

/** Whether the receiver of a subscription works, and since when it doesn't. */
export function ReceiverState({ of }: { of: SubscriptionRow }) {
  if (!of.enabled) return <Badge kind="state-disabled" sign="‖" text="disabled" />;
  if (of.failing_since) return <Badge kind="state-failing" sign="✕" text="failing" />;
  if (of.last_success_at) return <Badge kind="state-active" sign="●" text="works" />;
  return <Badge kind="" sign="○" text="not used yet" />;
}

const SHOWN_EVENTS = 3;

/** The events that a subscription selects: all of them, or the first ones and the number of the others. */
export function Selected({ of }: { of: SubscriptionRow }) {
  const events: readonly string[] = of.events;
  const rest = events.length - SHOWN_EVENTS;
  return (
    <span>
      {events.includes("*") ? "all events" : <Text>{events.slice(0, SHOWN_EVENTS).join(", ")}</Text>}
      {!events.includes("*") && rest > 0 && ` and ${rest} more`}
      {of.filter && <span class="faint"> · with a filter</span>}
    </span>
  );
}

/** Return the host of a URL. The rest may be a secret, as the path of Slack's is. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** Return what a person can do about a receiver that answers with this status, or with this error if it doesn't answer. */
export function adviceOn(status: number | null, error: string): string {
  if (status === null) return adviceWithoutAnswer(error);
  if (status < 400) return "aichats doesn't follow redirects. Edit the subscription, and enter the final URL.";
  if (status === 401 || status === 403)
    return "The receiver doesn't accept the request. Check that it verifies the signature with the secret of this subscription.";
  if (status === 404 || status === 410) return "The receiver doesn't know this address. Check the URL.";
  if (status === 429) return "The receiver gets too many requests. aichats sends fewer, and waits as it asks.";
  if (status >= 500) return "The receiver has an error of its own. Look into its logs.";
  return "The receiver rejects the event. Look into its logs for the reason.";
}

function adviceWithoutAnswer(error: string): string {
  if (error.includes("did not answer"))
    return "Let the receiver store the event and answer at once, and do the work afterward.";
  if (error.includes("not allowed")) return "Edit the subscription, and enter a URL that is public on the internet.";
  return "Check that the host exists, can be reached from the internet and has a valid certificate.";
}

/** Return the HTTP status in the error of a receiver, such as "receiver.example answered 503"; null if there is none. */
export function statusIn(error: string): number | null {
  const found = /^\S+ answered (\d{3})\b/.exec(error)?.[1];
  return found === undefined ? null : Number(found);
}

/** The URL of a subscription. Anyone who knows a URL of Slack can write into the channel, so it is hidden at first. */
export function Address({ of }: { of: SubscriptionRow }) {
  const [shown, setShown] = useState(of.format !== "slack");
  if (shown)
    return (
      <code>
        <Text>{of.url}</Text>
      </code>
    );
  return (
    <>
      <Text>{hostOf(of.url)}</Text>{" "}
      <button type="button" class="button quiet small" onClick={() => setShown(true)}>
        Show the secret URL
      </button>
    </>
  );
}

const MOST_WAITING = 100;

/** How many deliveries wait for a receiver that fails. */
export function Waiting({ of }: { of: SubscriptionRow }) {
  const { api, can } = useSession();
  const query = { status: "waiting", limit: MOST_WAITING } as const;
  const waiting = useQuery(
    can("list_deliveries") ? `waiting ${of.name}` : null,
    () => read(api.GET("/subscriptions/{name}/deliveries", { params: { path: { name: of.name }, query } })),
    30_000,
  );
  const count = waiting.data?.data.length;
  if (!count) return null;
  const more = waiting.data?.next_cursor ? "+" : "";
  return (
    <Link to={`/subscriptions/${of.name}?status=waiting`}>
      {count === 1 && !more ? "1 delivery waits" : `${count}${more} deliveries wait`}
    </Link>
  );
}
