import { useNow } from "../hooks";
import { formatDuration, formatTime, Time, useZone } from "../time";
import { Section } from "../ui/page";
import { OPEN_STATUSES } from "../ui/status";
import { Table } from "../ui/table";
import { type RunDetails, type Step, stepsOf } from "./run_story";

const SIGNS: Record<Step["tone"], string> = { calm: "○", good: "●", bad: "✕", wait: "◌" };

interface Placed extends Step {
  readonly number: number;
}

/** What happened to a run: a table, with a line of time that is drawn to scale beside it. */
export function Timeline({ run }: { run: RunDetails }) {
  const now = useNow();
  const steps: Placed[] = stepsOf(run).map((step, number) => ({ ...step, number }));
  const start = Math.min(...steps.map((each) => each.at));
  const isOpen = OPEN_STATUSES.includes(run.status) || run.reply_status === "awaited";
  const end = Math.max(...steps.map((each) => each.at + (each.took ?? 0)), isOpen ? now : start);
  const total = Math.max(end - start, 1);
  return (
    <Section title="What happened" actions={<span class="faint">{formatDuration(end - start)} in all</span>}>
      <div class="run-timeline">
        <Table
          caption="What happened, oldest first"
          rows={steps}
          id={(step) => String(step.number)}
          columns={[
            { title: "When", cell: (step) => <When at={step.at} start={start} /> },
            {
              title: "What",
              cell: (step) => (
                <span class={`what step-${step.tone}`}>
                  <span aria-hidden="true">{SIGNS[step.tone]}</span> {step.what}
                </span>
              ),
            },
            { title: "Result", cell: (step) => <span>{step.result}</span> },
            {
              title: "Took",
              numeric: true,
              cell: (step) => (step.took === null ? "–" : <span class="unbroken">{formatDuration(step.took)}</span>),
            },
            {
              title: "Line of time",
              optional: true,
              cell: (step) => <Bar step={step} start={start} total={total} />,
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

function Bar({ step, start, total }: { step: Step; start: number; total: number }) {
  const left = (100 * (step.at - start)) / total;
  const width = (100 * (step.took ?? 0)) / total;
  return (
    <span class="run-lane" aria-hidden="true">
      <span
        class={`run-bar step-${step.tone}`}
        style={{ left: `min(${left}%, 100% - 8px)`, width: `${Math.min(width, 100 - left)}%` }}
      />
    </span>
  );
}
