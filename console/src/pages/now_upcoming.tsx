// The next 24 hours of all automations: on a line of time, or as a list that also fits a narrow screen.

import { useEffect, useRef, useState } from "preact/hooks";
import { read } from "../api/client";
import { useMedia, usePages } from "../hooks";
import { useStackPause } from "../model/pause";
import { numberOf, type Span, timeInOwn, type Upcoming } from "../model/upcoming";
import { count } from "../model/words";
import { knownZone } from "../model/zoned";
import { Link, useQueryParameters } from "../router";
import { useSession } from "../session";
import { formatTime, Time, useZone } from "../time";
import { Button } from "../ui/button";
import { Section } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { More, Table } from "../ui/table";
import { Timeline } from "./now_timeline";

const EVERY_MS = 30_000;
const NARROW = "(max-width: 760px)";

/** The section of the next 24 hours. */
export function NextDay() {
  const { api } = useSession();
  const [query, change] = useQueryParameters();
  const narrow = useMedia(NARROW);
  const [span, setSpan] = useState<Span | null>(null);
  const list = usePages(
    "upcoming",
    async (cursor) => {
      const page = await read(api.GET("/upcoming", { params: { query: { limit: 25, cursor: cursor ?? undefined } } }));
      setSpan({ since: Date.parse(page.since), until: Date.parse(page.until) });
      return { ...page, data: page.data.map((row) => ({ ...row, timezone: knownZone(row.timezone) })) };
    },
    EVERY_MS,
  );
  const { stack } = useStackPause();
  const pausedAt = useRef(stack?.paused?.at);
  useEffect(() => {
    if (pausedAt.current !== stack?.paused?.at) void list.reload();
    pausedAt.current = stack?.paused?.at;
  }, [stack, list.reload]);
  const table = query.get("view") === "table";
  const rows = list.data ?? [];
  const toggle = rows.length > 0 && !narrow && (
    <Button kind="quiet" onClick={() => change({ view: table ? null : "table" })}>
      {table ? "Show on a line of time" : "Show as a table"}
    </Button>
  );
  return (
    <Section title="Next 24 hours" actions={toggle}>
      <ErrorNotice error={list.error} what="The next times can't be read" onRetry={list.reload} />
      {list.loading && <Loading what="the next times" />}
      {list.data && rows.length === 0 && <NoTimes />}
      {rows.length > 0 && narrow && <TimeList rows={rows} />}
      {rows.length > 0 && !narrow && table && <TimeTable rows={rows} />}
      {rows.length > 0 && !narrow && !table && span && <Timeline rows={rows} span={span} />}
      {rows.length > 0 && (
        <More
          shown={rows.length}
          what="automations"
          more={list.more}
          loading={list.loadingMore}
          onMore={list.loadMore}
        />
      )}
    </Section>
  );
}

function NoTimes() {
  const { stack } = useStackPause();
  const paused = stack?.paused;
  return (
    <p>
      {paused
        ? "The stack is paused: no automation starts in the next 24 hours, or only after the pause."
        : "No schedule has a time in the next 24 hours."}{" "}
      <Link to="/automations">Show all automations</Link>
    </p>
  );
}

function TimeTable({ rows }: { rows: readonly Upcoming[] }) {
  const { zone } = useZone();
  return (
    <Table
      caption="Next times of automations"
      rows={rows}
      id={(row) => row.automation}
      columns={[
        { title: "Automation", cell: (row) => <Link to={`/automations/${row.automation}`}>{row.automation}</Link> },
        { title: "Next time", cell: (row) => <FirstTime row={row} /> },
        {
          title: "In its own zone",
          cell: (row) => timeInOwn(row.times[0]?.utc ?? "", zone, row.timezone) ?? "the same",
        },
        { title: "In 24 hours", cell: numberOf },
        { title: "Targets", numeric: true, cell: (row) => row.targets },
      ]}
    />
  );
}

/** The automations by their next time, for a narrow screen. */
function TimeList({ rows }: { rows: readonly Upcoming[] }) {
  const { zone } = useZone();
  const days = new Map<string, Upcoming[]>();
  for (const row of rows) {
    const day = formatTime(row.times[0]?.utc ?? 0, zone, "day");
    days.set(day, [...(days.get(day) ?? []), row]);
  }
  return (
    <div class="next-list">
      {[...days].map(([day, automations]) => (
        <section key={day} aria-label={day}>
          <h3 class="day">{day}</h3>
          <ol>
            {automations.map((row) => (
              <TimeItem key={row.automation} row={row} zone={zone} />
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}

function TimeItem({ row, zone }: { row: Upcoming; zone: string }) {
  const first = row.times[0]?.utc ?? "";
  const own = timeInOwn(first, zone, row.timezone);
  return (
    <li>
      <strong>{formatTime(first, zone, "clock")}</strong>
      <div>
        <Link to={`/automations/${row.automation}`}>{row.automation}</Link>
        <p class="faint">
          {numberOf(row)} · {count(row.targets, "target")}
          {own && ` · ${own}`}
        </p>
      </div>
    </li>
  );
}

function FirstTime({ row }: { row: Upcoming }) {
  const [first] = row.times;
  return first ? <Time at={first.utc} /> : "–";
}
