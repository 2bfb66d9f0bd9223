// What was sent to a receiver: each event with its result.

import { useState } from "preact/hooks";
import { read } from "../api/client";
import { usePages } from "../hooks";
import { Link, useQueryParameters } from "../router";
import { useSession } from "../session";
import { Distance, Time } from "../time";
import { Button } from "../ui/button";
import { Select, TextField } from "../ui/form";
import { Section } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import type { Column } from "../ui/table";
import { curl, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { DeliveryDialog } from "./subscription_delivery";
import { LiveTable } from "./subscription_live";
import { type Delivery, DeliveryBadge, STATUSES, type SubscriptionRow } from "./subscription_words";

const RUN_ID = /^[a-z2-7]{32}$/;

export function Deliveries({ of }: { of: SubscriptionRow }) {
  const { api } = useSession();
  const [query] = useQueryParameters();
  const [open, setOpen] = useState<Delivery | null>(null);
  const status = asStatus(query.get("status"));
  const run = query.get("run_id") ?? "";
  const filter = { status, run_id: RUN_ID.test(run) ? run : undefined };
  const key = `deliveries ${of.name} ${status} ${filter.run_id}`;
  const list = usePages(
    key,
    (cursor) => {
      const params = { path: { name: of.name }, query: { ...filter, limit: 25, cursor: cursor ?? undefined } };
      return read(api.GET("/subscriptions/{name}/deliveries", { params }));
    },
    10_000,
  );
  const isFiltered = status !== undefined || run !== "";
  return (
    <Section title="Deliveries of the last 30 days">
      <Filters />
      <ErrorNotice error={list.error} what="The deliveries can't be read" onRetry={list.reload} />
      {list.loading && <Loading what="deliveries" />}
      {list.data?.length === 0 && !list.more && <NoDeliveries of={of} isFiltered={isFiltered} />}
      {list.data && (list.data.length > 0 || list.more) && (
        <>
          {list.data.length === 0 && <p>None of the newest 1,000 deliveries match. Older ones may.</p>}
          <LiveTable
            caption={`Deliveries to ${of.name}, newest event first`}
            one="delivery"
            many="deliveries"
            list={key}
            pages={list}
            rows={list.data}
            id={(row) => row.event_id}
            columns={columns(setOpen)}
          />
        </>
      )}
      <Terminal command={commandOf(of.name, status, run)} request={curl("GET", pathOf(of.name, filter))} />
      {open && <DeliveryDialog of={of} delivery={open} onClose={() => setOpen(null)} />}
    </Section>
  );
}

function NoDeliveries({ of, isFiltered }: { of: SubscriptionRow; isFiltered: boolean }) {
  const [, change] = useQueryParameters();
  if (isFiltered)
    return (
      <Empty title="No delivery matches">
        <Button onClick={() => change({ status: null, run_id: null })}>Show all deliveries</Button>
      </Empty>
    );
  return (
    <Empty title="Nothing was sent yet">
      <p>
        {of.enabled
          ? "A delivery appears here after its first attempt. To see whether the receiver works, send a test event."
          : "The subscription is disabled."}
      </p>
    </Empty>
  );
}

function Filters() {
  const [query, change] = useQueryParameters();
  const run = query.get("run_id") ?? "";
  const isId = run === "" || RUN_ID.test(run);
  return (
    <div class="filters">
      <Select
        label="Status"
        value={query.get("status") ?? ""}
        onValue={(status) => change({ status })}
        options={[
          ["", "all"],
          ...Object.entries(STATUSES).map(([name, { meaning }]) => [name, `${name}: ${meaning}`] as const),
        ]}
      />
      <TextField
        label="About the run"
        type="search"
        code
        placeholder="ID of a run"
        value={run}
        onValue={(text) => change({ run_id: text.trim() })}
        error={isId ? null : "The ID of a run has 32 characters: a to z and 2 to 7."}
      />
    </div>
  );
}

function columns(open: (delivery: Delivery) => void): readonly Column<Delivery>[] {
  return [
    {
      title: "Event",
      cell: (row) => (
        <div class="cell-lines">
          <Button kind="quiet" label={`${row.type}: show ${row.event_id}`} onClick={() => open(row)}>
            {row.type}
          </Button>
          <span class="faint">
            <Time at={row.event_time} />
          </span>
        </div>
      ),
    },
    {
      title: "Status",
      cell: (row) => (
        <div class="cell-lines">
          <DeliveryBadge status={row.status} />
          <NextAttempt of={row} />
        </div>
      ),
    },
    { title: "Attempts", numeric: true, optional: true, cell: (row) => row.attempts },
    { title: "Last answer", cell: (row) => <Answer of={row} /> },
    {
      title: "Run",
      cell: (row) => (row.run_id ? <Link to={`/runs/${row.run_id}`}>{row.run_id.slice(0, 8)}…</Link> : "–"),
    },
  ];
}

/** What happens next to a delivery that waits. */
function NextAttempt({ of }: { of: Delivery }) {
  if (of.status !== "waiting") return null;
  if (of.waits_for_receiver) return <span class="faint">until the receiver works</span>;
  if (!of.next_attempt_at) return null;
  if (Date.parse(of.next_attempt_at) < Date.now()) return <span class="faint">next attempt is due</span>;
  return (
    <span class="faint">
      next attempt <Distance at={of.next_attempt_at} />
    </span>
  );
}

function Answer({ of }: { of: Delivery }) {
  if (of.status === "delivered")
    return (
      <span>
        {of.last_status}
        {of.seconds !== null && <span class="faint"> in {of.seconds} s</span>}
      </span>
    );
  return of.last_error ? <Text>{of.last_error}</Text> : <>–</>;
}

function asStatus(text: string | null): Delivery["status"] | undefined {
  return text === "delivered" || text === "waiting" || text === "failed" ? text : undefined;
}

function pathOf(name: string, filter: { status?: string | undefined; run_id?: string | undefined }): string {
  const query = new URLSearchParams();
  if (filter.status) query.set("status", filter.status);
  if (filter.run_id) query.set("run_id", filter.run_id);
  return `/subscriptions/${name}/deliveries${query.size > 0 ? `?${query}` : ""}`;
}

function commandOf(name: string, status: string | undefined, run: string): string | null {
  if (status !== undefined && status !== "failed") return null;
  const options = [status === "failed" ? " --failed" : "", RUN_ID.test(run) ? ` --run ${run}` : ""];
  return `aichats notify deliveries ${name}${options.join("")}`;
}
