import { useState } from "preact/hooks";
import { isUncertain, read, type Schemas } from "../api/client";
import { useAction, useQuery } from "../hooks";
import type { AutomationView } from "../model/automation_words";
import { isObject, type JsonObject } from "../model/json";
import { count } from "../model/words";
import { useRepeatKey } from "../repeat_key";
import { Link } from "../router";
import { type Session, useSession } from "../session";
import { Button } from "../ui/button";
import { Dialog, ResultDialog } from "../ui/dialog";
import { Empty, ErrorNotice, Loading, Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { StartedRuns } from "./automation_runs";
import { isView } from "./automations_search";

interface Properties {
  event: JsonObject;
  /** The example that the event began as. */
  example: JsonObject | null;
  onChanged(): void;
  onClose(): void;
}

type Delivered = Schemas["DeliveredEvent"] & { at: number };

/** Asks before a test event is sent through the whole stack: names all automations that it starts. */
export function ConfirmTestEvent({ event, example, onChanged, onClose }: Properties) {
  const { api } = useSession();
  const [keyOf, forget] = useRepeatKey();
  const [delivered, setDelivered] = useState<Delivered | null>(null);
  const body = testEvent(event);
  const send = useAction(async () => {
    const params = { header: { "Idempotency-Key": keyOf(body) } };
    const answer = await read(api.POST("/events/test", { params, body }));
    forget();
    return answer;
  });
  const submit = async (submitted: Event) => {
    submitted.preventDefault();
    const answer = await send.run();
    if (!answer) return;
    setDelivered({ ...answer, at: Date.now() });
    onChanged();
  };
  if (delivered) {
    return (
      <ResultDialog title={`${body.type} was sent`} onClose={onClose}>
        <Outcome delivered={delivered} />
      </ResultDialog>
    );
  }
  return (
    <Dialog title={`Send ${body.type} as a test event?`} onClose={onClose}>
      <form onSubmit={submit}>
        <Notice kind="warning" title="All automations that listen for this event run">
          <p>The chats are real. The stack signs the event as Whop does, and delivers it to itself.</p>
        </Notice>
        <Listeners type={body.type} />
        <Differences event={event} example={example} />
        <Terminal
          command={`aichats events send ${quoted(body.type)} --data event-data.json --wait`}
          request={curl("POST", "/events/test", body)}
        />
        <ErrorNotice error={send.error} what="The test event was not sent" />
        {isUncertain(send.error) && <p>It may have arrived all the same. If you try again, nothing starts twice.</p>}
        <div class="buttons">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="danger" busy={send.pending}>
            {send.pending ? "Sending…" : "Send the test event"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Outcome({ delivered }: { delivered: Delivered }) {
  const { run_ids, webhook_id, at } = delivered;
  const label = `test:${webhook_id}`;
  if (run_ids.length === 0) {
    return (
      <Empty title="The event was accepted, and has started no run yet">
        <p>No filter is true for it, or aichats fills in the texts a little later.</p>
        <Link to={`/runs?label=${encodeURIComponent(label)}`}>Show its runs</Link>
      </Empty>
    );
  }
  return <StartedRuns ids={run_ids} at={at} query={{ label }} />;
}

/** The automations that listen for an event type. */
function Listeners({ type }: { type: string }) {
  const { api } = useSession();
  const found = useQuery(`listeners ${type}`, () => listenersOf(api, type));
  if (found.loading) return <Loading what="the automations that listen" />;
  if (!found.data)
    return <ErrorNotice error={found.error} what="The automations that listen can't be read" onRetry={found.reload} />;
  const { listeners, complete } = found.data;
  const skipped = listeners.filter(({ paused }) => paused !== null).length;
  return (
    <div class="lines">
      <p>
        {count(listeners.length, "enabled automation")} {listeners.length === 1 ? "listens" : "listen"} for{" "}
        <code>{type}</code>
        {complete ? "" : ", and perhaps more"}
        {skipped > 0
          ? `. ${skipped} of them ${skipped === 1 ? "is" : "are"} paused: their runs are stored as skipped`
          : ""}
        .
      </p>
      <ul class="tags">
        {listeners.slice(0, MOST_NAMED).map(({ name }) => (
          <li key={name}>{name}</li>
        ))}
        {listeners.length > MOST_NAMED && <li>and {listeners.length - MOST_NAMED} more</li>}
      </ul>
    </div>
  );
}

const MOST_NAMED = 20;
const MOST_PAGES = 10;

async function listenersOf(api: Session["api"], type: string) {
  const listeners: AutomationView[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const query = { limit: 100, ...(cursor ? { cursor } : {}) };
    const page = await read(api.GET("/automations", { params: { query } }));
    listeners.push(...page.data.filter(isView).filter((each) => listensFor(each, type)));
    if (!page.next_cursor) return { listeners, complete: true };
    cursor = page.next_cursor;
  }
  return { listeners, complete: false };
}

function listensFor({ trigger }: AutomationView, type: string): boolean {
  return trigger.type === "webhook" && trigger.enabled !== false && trigger.events.includes(type);
}

/** A test event is the example with other data. Says what of the edited event it can't have. */
function Differences({ event, example }: { event: JsonObject; example: JsonObject | null }) {
  const data = isObject(event.data) ? event.data : {};
  const kept = example && isObject(example.data) ? Object.keys(example.data).filter((key) => !(key in data)) : [];
  return (
    <p class="faint">
      The test event gets an ID and a time of its own.
      {kept.length > 0 && ` It keeps these fields of the example, which you have removed: ${kept.join(", ")}.`}
    </p>
  );
}

function testEvent(event: JsonObject): Schemas["EventToTest"] {
  const company = event.account_id ?? event.company_id;
  return {
    type: String(event.type),
    data: isObject(event.data) ? event.data : {},
    account_id: typeof company === "string" ? company : null,
  };
}
