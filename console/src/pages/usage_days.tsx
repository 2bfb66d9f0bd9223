// The numbers of the plot as a table, newest day first.

import { useState } from "preact/hooks";
import { amount } from "../model/words";
import { Link } from "../router";
import { usePortion } from "../ui/portion";
import { type Column, Table } from "../ui/table";
import { RunsInWords } from "./usage_groups";
import { type DayUsage, END_STATUSES, longDay, runsQuery } from "./usage_numbers";

const PAGE = 31;

interface Properties {
  days: readonly DayUsage[];
  automation: string | null;
  canSeeRuns: boolean;
}

export function DayTable({ days, automation, canSeeRuns }: Properties) {
  const { shown, more } = usePortion(days.toReversed(), PAGE, "days");
  const [open, setOpen] = useState(false);
  const present = END_STATUSES.filter((status) => days.some((day) => day.runs[status] > 0));
  const columns: Column<DayUsage>[] = [
    { title: "Day (UTC)", cell: (day) => <time dateTime={day.day}>{longDay(day.day)}</time> },
    { title: "Runs", numeric: true, cell: (day) => <RunsInWords runs={day.runs} /> },
    ...present.map((status) => ({
      title: status.charAt(0).toUpperCase() + status.slice(1),
      numeric: true,
      optional: true,
      cell: (day: DayUsage) => amount(day.runs[status]),
    })),
    { title: "Replies", numeric: true, cell: (day) => amount(day.replies) },
    { title: "Tokens", numeric: true, cell: (day) => amount(day.tokens) },
  ];
  if (canSeeRuns) {
    columns.push({
      title: "Details",
      cell: (day) =>
        day.runs.total > 0 && (
          <Link class="one-line" to={runsQuery(day.day, day.day, { automation })}>
            Show runs
          </Link>
        ),
    });
  }
  return (
    <details class="terminal" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Show the numbers of the plot as a table</summary>
      {open && (
        <>
          <Table caption="Usage by day" rows={shown} id={(day) => day.day} columns={columns} />
          {more}
        </>
      )}
    </details>
  );
}
