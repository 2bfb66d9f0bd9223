// One delivery: its attempts, what was sent, and the same event once more.

import { useState } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { type EventPattern, isEventType } from "../model/events";
import { Link } from "../router";
import { useSession } from "../session";
import { When } from "../time";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ErrorNotice, Loading } from "../ui/state";
import { curl, Terminal } from "../ui/terminal";
import { Facts, Id, Json, Text } from "../ui/text";
import { redeliveryFailure, StartedNotice, useRedelivery } from "./subscription_redeliver";
import { adviceOn, type Delivery, DeliveryBadge, STATUSES, type SubscriptionRow } from "./subscription_words";

interface Properties {
  of: SubscriptionRow;
  delivery: Delivery;
  onClose(): void;
}

export function DeliveryDialog({ of, delivery, onClose }: Properties) {
  const { can } = useSession();
  const [started, setStarted] = useState<Schemas["StartedRedelivery"] | null>(null);
  const redelivery = useRedelivery(of.name);
  const time = delivery.event_time;
  const body = { since: time, until: time, failed_only: false, events: patternsOf(delivery.type) };
  const again = async () => {
    setStarted((await redelivery.run(delivery.event_id, body)) ?? null);
  };
  return (
    <Dialog title={delivery.type} onClose={onClose}>
      <div class="delivery">
        <Facts items={factsOf(delivery)} />
        {delivery.last_error && (
          <p>
            <Text>{delivery.last_error}</Text>. {adviceOn(delivery.last_status, delivery.last_error)}
          </p>
        )}
        {can("list_events") && <Sent of={of} delivery={delivery} />}
        {started ? (
          <StartedNotice started={started} />
        ) : (
          <ErrorNotice error={redelivery.error} what={redeliveryFailure(redelivery.error)} />
        )}
        {can("start_redelivery") && (
          <Terminal command={null} request={curl("POST", `/subscriptions/${of.name}/redeliver`, body)} />
        )}
        <div class="buttons">
          {can("start_redelivery") && of.enabled && !started && (
            <Button busy={redelivery.pending} onClick={again}>
              {redelivery.pending ? "Please wait…" : "Deliver this event again"}
            </Button>
          )}
          <Button onClick={onClose}>Close</Button>
        </div>
      </div>
    </Dialog>
  );
}

function factsOf(delivery: Delivery): Parameters<typeof Facts>[0]["items"] {
  const { status, run_id } = delivery;
  return [
    [
      "Status",
      <>
        <DeliveryBadge status={status} /> <span class="faint">{STATUSES[status].meaning}</span>
      </>,
    ],
    ["Happened", <When key="at" at={delivery.event_time} />],
    ["Attempts", delivery.attempts],
    ["First attempt", delivery.first_attempt_at && <When at={delivery.first_attempt_at} />],
    ["Last attempt", delivery.last_attempt_at && <When at={delivery.last_attempt_at} />],
    ["Next attempt", nextAttempt(delivery)],
    ["Last HTTP status", delivery.last_status],
    ["Duration", delivery.seconds === null ? null : `${delivery.seconds} s`],
    ["Run", run_id && <Link to={`/runs/${run_id}`}>{run_id}</Link>],
    ["webhook-id", <Id key="id">{delivery.event_id}</Id>],
  ];
}

function nextAttempt(delivery: Delivery) {
  if (delivery.waits_for_receiver) return "when the receiver works again";
  return delivery.next_attempt_at && <When at={delivery.next_attempt_at} />;
}

/** The event as it is stored, which is what was sent. */
function Sent({ of, delivery }: { of: SubscriptionRow; delivery: Delivery }) {
  const { api } = useSession();
  const { event_time: time, event_id, type } = delivery;
  const events = useQuery(`event ${event_id}`, () =>
    read(
      api.GET("/events", {
        params: { query: { since: time, until: time, type: isEventType(type) ? type : undefined, limit: 100 } },
      }),
    ),
  );
  const event = events.data?.data.find((each) => each.id === event_id);
  return (
    <div class="delivered">
      <h3>{of.format === "slack" ? "The event of the message" : "What is sent"}</h3>
      <ErrorNotice error={events.error} what="The event can't be read" onRetry={events.reload} />
      {events.loading && <Loading what="the event" />}
      {events.data && !event && <p class="faint">The event is no longer stored.</p>}
      {event && <Json value={event} label="The event" />}
      {event && of.include_reply && <p class="faint">The delivery also has the text of the reply, in data.reply.</p>}
    </div>
  );
}

/** Return the patterns that select only events of this type. */
function patternsOf(type: string): EventPattern[] | null {
  return isEventType(type) ? [type] : null;
}
