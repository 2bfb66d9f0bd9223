import { useNow } from "../hooks";
import { formatDuration, formatTime, Time, useZone } from "../time";
import { Section } from "../ui/page";
import { OPEN_STATUSES } from "../ui/status";
import { Table } from "../ui/table";
import { type Moment, momentsOf, type RunDetails } from "./run_story";

const SIGNS: Record<Moment["tone"], string> = { calm: "○", good: "●", bad: "✕", wait: "◌" };

interface Placed extends Moment {
  readonly number: number;
}

/** What happened to a run: a table, with a line of time that is drawn to scale beside it. */
export function Timeline({ run }: { run: RunDetails }) {
  const now = useNow();
  const moments: Placed[] = momentsOf(run).map((moment, number) => ({ ...moment, number }));
  const start = Math.min(...moments.map((each) => each.at));
  const isOpen = OPEN_STATUSES.includes(run.status) || run.reply_status === "awaited";
  const end = Math.max(...moments.map((each) => each.at + (each.took ?? 0)), isOpen ? now : start);
  const total = Math.max(end - start, 1);
  return (
    <Section title="What happened" actions={<span class="faint">{formatDuration(end - start)} in all</span>}>
      <div class="timeline">
        <Table
          caption="What happened, oldest first"
          rows={moments}
          id={(moment) => String(moment.number)}
          columns={[
            { title: "When", cell: (moment) => <When at={moment.at} start={start} /> },
            {
              title: "What",
              cell: (moment) => (
                <span class={`what ${moment.tone}`}>
                  <span aria-hidden="true">{SIGNS[moment.tone]}</span> {moment.what}
                </span>
              ),
            },
            { title: "Result", cell: (moment) => <span>{moment.result}</span> },
            {
              title: "Took",
              numeric: true,
              cell: (moment) =>
                moment.took === null ? "–" : <span class="unbroken">{formatDuration(moment.took)}</span>,
            },
            {
              title: "Line of time",
              optional: true,
              cell: (moment) => <Bar moment={moment} start={start} total={total} />,
            },
          ]}
        />
      </div>
      {run.attempts_log.length >= MOST_CALLS && (
        <p class="faint">aichats keeps the newest {MOST_CALLS} calls. There may be older ones.</p>
      )}
    </Section>
  );
}

const MOST_CALLS = 20;
/** The time to the second, with its day if that is another one than at the start, and how long it is after the start. */
function When({ at, start }: { at: number; start: number }) {
  const { zone } = useZone();
  const isSameDay = formatTime(at, zone, "day") === formatTime(start, zone, "day");
  return (
    <span class="stacked">
      <Time at={new Date(at).toISOString()} style={isSameDay ? "exact" : "full"} />
      {at > start && <span class="faint">+{formatDuration(at - start)}</span>}
    </span>
  );
}

function Bar({ moment, start, total }: { moment: Moment; start: number; total: number }) {
  const left = (100 * (moment.at - start)) / total;
  const width = (100 * (moment.took ?? 0)) / total;
  return (
    <span class="lane" aria-hidden="true">
      <span class={`bar ${moment.tone}`} style={{ left: `${left}%`, width: `${Math.min(width, 100 - left)}%` }} />
    </span>
  );
}
