// What aichats sent lately: each event in words.

import { useRef, useState } from "preact/hooks";
import { usePages } from "../hooks";
import { EVENT_GROUPS, EVENT_HEADLINES, EVENT_TYPES, GROUPS, isEventType, typesOf } from "../model/events";
import { eventsBefore, FIRST_SPAN_MS, type SentEvent, unique } from "../model/recent_events";
import { Link, useQueryParameters } from "../router";
import { useSession } from "../session";
import { Distance, formatTime, Time, useZone } from "../time";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Select } from "../ui/form";
import { Section } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import type { Column } from "../ui/table";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Json, Text } from "../ui/text";
import { LiveTable } from "./subscription_live";

// The clock of this machine may be slow.
const SLOW_CLOCK_MS = 60_000;

export function RecentEvents() {
  const { api } = useSession();
  const [query, change] = useQueryParameters();
  const [open, setOpen] = useState<SentEvent | null>(null);
  const type = query.get("type") ?? "";
  // The span of time that had enough events is read first when the page is read again.
  const span = useRef(FIRST_SPAN_MS);
  const key = `events ${type}`;
  const list = usePages(
    key,
    async (cursor) => {
      const before = cursor === null ? Date.now() + SLOW_CLOCK_MS : Number(cursor);
      const { data, since, isLast } = await eventsBefore(api, before, { type: type || undefined }, span.current);
      if (cursor === null) span.current = before - since;
      return { data, next_cursor: isLast ? null : String(since) };
    },
    15_000,
  );
  return (
    <Section title="Recent events">
      <div class="filters">
        <Select label="Events" value={type} onValue={(value) => change({ type: value })} options={options()} />
      </div>
      <ErrorNotice error={list.error} what="The events can't be read" onRetry={list.reload} />
      {list.loading && <Loading what="events" />}
      {list.data?.length === 0 && (
        <Empty title={type ? "There was no such event in the last 30 days" : "There was no event in the last 30 days"}>
          <p>An event appears here when a run ends, or when an automation, a connection or a budget changes.</p>
        </Empty>
      )}
      {list.data && list.data.length > 0 && (
        <LiveTable
          caption="Recent events, newest first"
          one="event"
          many="events"
          list={key}
          pages={list}
          rows={unique(list.data)}
          id={(row) => row.id}
          columns={columns(setOpen)}
        />
      )}
      <Terminal
        command={`aichats events list --since 30d${type ? ` --type ${quoted(type)}` : ""}`}
        request={curl("GET", `/events${type ? `?type=${encodeURIComponent(type)}` : ""}`)}
      />
      {open && (
        <Dialog title={open.type} onClose={() => setOpen(null)}>
          <Json value={open} label="The event" />
          <div class="buttons">
            <Button onClick={() => setOpen(null)}>Close</Button>
          </div>
        </Dialog>
      )}
    </Section>
  );
}

function options(): (readonly [string, string])[] {
  return [
    ["", "all"],
    ...GROUPS.flatMap((group) => [
      [group, `${EVENT_GROUPS[group]}: all`] as const,
      ...typesOf(group).map((type) => [type, `${type}: ${EVENT_TYPES[type]}`] as const),
    ]),
  ];
}

function columns(open: (event: SentEvent) => void): readonly Column<SentEvent>[] {
  return [
    {
      title: "What happened",
      cell: (row) => (
        <div class="cell-lines">
          <Button kind="quiet" label={`${headlineOf(row)}: show ${row.id}`} onClick={() => open(row)}>
            {headlineOf(row)}
          </Button>
          <Details of={row} />
        </div>
      ),
    },
    { title: "About", cell: (row) => <Subject of={row} /> },
    {
      title: "Time",
      cell: (row) => (
        <div class="cell-lines">
          <Time at={row.timestamp} />
          <span class="faint">
            <Distance at={row.timestamp} />
          </span>
        </div>
      ),
    },
  ];
}

function headlineOf({ type }: SentEvent): string {
  return isEventType(type) ? EVENT_HEADLINES[type] : type;
}

/** What an event is about, with links. */
function Subject({ of }: { of: SentEvent }) {
  const data = of.data;
  const automation = textIn(data, "automation");
  const target = textIn(data, "target");
  const run = textIn(data, "run_id");
  const connection = textIn(data, "connection");
  return (
    <div class="cell-lines">
      <span>
        {automation && <Link to={`/automations/${automation}`}>{automation}</Link>}
        {!automation && of.type.startsWith("budget.") && "all automations"}
        {automation && target && " for "}
        {target && <Text>{target}</Text>}
        {connection && <Link to="/connections">{`connection ${connection}`}</Link>}
      </span>
      {run && (
        <span class="faint">
          run <Link to={`/runs/${run}`}>{run.slice(0, 8)}…</Link>
        </span>
      )}
    </div>
  );
}

/** What an event says besides its type and its subject. */
function Details({ of }: { of: SentEvent }) {
  const { zone } = useZone();
  const text = detailsOf(of, (at) => formatTime(at, zone));
  return text ? (
    <span class="faint">
      <Text>{text}</Text>
    </span>
  ) : null;
}

function detailsOf({ type, data }: SentEvent, when: (at: string) => string): string {
  if (type.startsWith("run."))
    return textIn(fieldsIn(data, "error"), "message") ?? textIn(data, "reply_overdue_reason") ?? "";
  if (type.startsWith("slot."))
    return Object.entries(fieldsIn(data, "counts"))
      .filter(([, number]) => number !== 0)
      .map(([status, number]) => `${number} ${status}`)
      .join(", ");
  if (type.startsWith("budget.")) return `${data.percent}% of ${data.limit} ${data.kind} in a ${data.per} are used up`;
  const by = textIn(data, "by");
  const times = ["from", "until"].flatMap((word) => {
    const at = textIn(data, word);
    return at ? [`${word} ${when(at)}`] : [];
  });
  const reason = textIn(data, "reason");
  return [...times, reason === by ? null : reason, by && `by ${by}`].filter(Boolean).join(" · ");
}

function textIn(data: Record<string, unknown>, field: string): string | null {
  const value = data[field];
  return typeof value === "string" && value ? value : null;
}

function fieldsIn(data: Record<string, unknown>, field: string): Record<string, unknown> {
  const value = data[field];
  return typeof value === "object" && value !== null ? { ...value } : {};
}
