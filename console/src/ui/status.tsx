// The states of runs and automations. Each has a shape of its own, so that people distinguish them without color.

import type { Schemas } from "../api/client";

export type RunStatus = Schemas["RunStatus"];

export const RUN_STATUSES: Record<RunStatus, { sign: string; meaning: string }> = {
  pending: { sign: "○", meaning: "waits for its turn" },
  performing: { sign: "◐", meaning: "is being performed" },
  succeeded: { sign: "●", meaning: "done" },
  failed: { sign: "✕", meaning: "failed; you can replay it" },
  unknown: { sign: "?", meaning: "aichats doesn't know whether it was performed; a person must check" },
  missed: { sign: "!", meaning: "its schedule did not fire on time" },
  skipped: { sign: "–", meaning: "left out on purpose" },
  cancelled: { sign: "⊘", meaning: "cancelled by a person" },
};

/** The statuses of a run that may still change without a person. */
export const OPEN_STATUSES: readonly RunStatus[] = ["pending", "performing"];

interface BadgeProperties {
  /** The class that gives it its color; "" for none. */
  kind: string;
  sign: string;
  text: string;
  title?: string;
}

/** A state: its sign, and its name. */
export function Badge({ kind, sign, text, title }: BadgeProperties) {
  return (
    <span class={`badge ${kind}`} title={title}>
      <span aria-hidden="true">{sign}</span> {text}
    </span>
  );
}

/** The status of a run. */
export function RunBadge({ status }: { status: RunStatus }) {
  const { sign, meaning } = RUN_STATUSES[status];
  return <Badge kind={status} sign={sign} text={status} title={`${status}: ${meaning}`} />;
}

type State = "active" | "paused" | "done" | "deleting" | "connected" | "broken" | "failing" | "disabled";
const STATE_SIGNS: Record<State, string> = {
  active: "●",
  connected: "●",
  paused: "‖",
  disabled: "‖",
  done: "✓",
  deleting: "⊘",
  broken: "✕",
  failing: "✕",
};

/** The state of anything but a run. */
export function StateBadge({ state, text = state }: { state: State; text?: string }) {
  return <Badge kind={`state-${state}`} sign={STATE_SIGNS[state]} text={text} />;
}

const MOST_MARKS = 12;

/** The results of runs that belong together as a row of marks, worst first, such as "✕●●●● 12 runs". */
export function Marks({ counts, all = true }: { counts: Partial<Record<RunStatus, number>>; all?: boolean }) {
  const order: RunStatus[] = [
    "unknown",
    "failed",
    "missed",
    "performing",
    "pending",
    "cancelled",
    "skipped",
    "succeeded",
  ];
  const present = order.filter((status) => (counts[status] ?? 0) > 0);
  const total = present.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
  const summary = `${present.map((status) => `${counts[status]} ${status}`).join(", ")}${all ? "" : ", and more"}`;
  const marks = present.flatMap((status) => Array<RunStatus>(Math.min(counts[status] ?? 0, MOST_MARKS)).fill(status));
  return (
    <span class="marks" role="img" aria-label={summary} title={summary}>
      {marks.slice(0, MOST_MARKS).map((status, index) => (
        <span key={index} class={`mark ${status}`}>
          {RUN_STATUSES[status].sign}
        </span>
      ))}
      {(total > MOST_MARKS || !all) && (
        <span class="faint">
          {" "}
          of {total}
          {all ? "" : "+"}
        </span>
      )}
    </span>
  );
}
