// The story of a run in plain sentences, in the words of `aichats runs explain`: what happened, and what comes next.

import type { ComponentChildren } from "preact";
import type { Schemas } from "../api/client";
import { useNow } from "../hooks";
import { useStackPause } from "../model/pause";
import { Distance, formatDuration, Time } from "../time";
import type { RunStatus } from "../ui/status";
import { Text } from "../ui/text";
import { providerOf } from "./run_advice";

export type RunDetails = Schemas["RunDetails"];

const MAX_ATTEMPTS = 8;
const NEXT_CHECK = ". aichats checks at ";
const NEXT_CALL = ", then call POST /runs/";
const ACTIONS: Record<string, string> = {
  "whop.create_chat": "create a Whop chat",
  "whop.update_chat": "change a Whop chat",
  "kodey.create_chat": "create a Kodey chat",
  "kodey.send_message": "send a message to a Kodey chat",
};

/** What a status means for a run, as a sentence. */
export const STATE_SENTENCES: Record<RunStatus, string> = {
  pending: "This run waits.",
  performing: "This run is being performed.",
  succeeded: "This run succeeded.",
  failed: "This run failed.",
  unknown: "The outcome of this run is unknown.",
  missed: "This run was missed: its schedule did not fire.",
  skipped: "This run was skipped: aichats left it out on purpose.",
  cancelled: "This run was cancelled.",
};

/** Something that happened at a time. */
export interface Step {
  readonly at: number;
  readonly what: ComponentChildren;
  readonly result: ComponentChildren;
  /** How long it took, in milliseconds; null if it has no duration. */
  readonly took: number | null;
  readonly tone: "calm" | "good" | "bad" | "wait";
}

/** Return what a run does, such as "create a Whop chat for biz_A". */
export function workOf(run: RunDetails): string {
  const work = ACTIONS[run.action] ?? run.action;
  return run.target ? `${work} for ${run.target}` : work;
}

/** Return whether an action sends a text. */
export function hasText(action: string): boolean {
  return action !== "whop.update_chat";
}

/** Return what happened to a run, and what will happen to it, in the order of the times. */
export function stepsOf(run: RunDetails): Step[] {
  const first: Step = {
    at: Date.parse(run.created_at),
    what: "Stored",
    result: <Beginning run={run} />,
    took: null,
    tone: "calm",
  };
  const later = [...run.attempts_log.map((call) => callStep(run, call)), ...endings(run)];
  return [first, ...later.sort((one, other) => one.at - other.at)];
}

function Beginning({ run }: { run: RunDetails }) {
  const slot = run.slot && <Time at={run.slot} style="full" />;
  if (run.trigger === "schedule") {
    const isMissed = run.status === "missed" || run.error?.type === "Missed";
    return isMissed ? (
      <>The schedule did not fire for the slot {slot}.</>
    ) : (
      <>The schedule fired for the slot {slot}.</>
    );
  }
  if (run.trigger === "webhook") return <>An event of Whop's webhook started it.</>;
  return run.automation ? <>An API client ran the automation by hand.</> : <>An API client requested it.</>;
}

function callStep(run: RunDetails, call: Schemas["LoggedCallView"]): Step {
  const isGood = call.status !== null && call.status < 400;
  const provider = providerOf(run);
  return {
    // The duration of a call is measured by another clock, so that its start may seem to be before the run.
    at: Math.max(Date.parse(call.at), Date.parse(run.created_at)),
    what: <Call text={call.call} times={call.times} />,
    result: (
      <>
        {call.status === null ? `${provider} did not answer` : `${provider} answered ${call.status}`}
        {call.request_id && (
          <span class="faint">
            {" "}
            request <code>{call.request_id}</code>
          </span>
        )}
      </>
    ),
    took: call.milliseconds,
    tone: isGood ? "good" : "bad",
  };
}

function Call({ text, times }: { text: string; times: number }) {
  return (
    <>
      <code>
        <Text>{text}</Text>
      </code>
      {times > 1 && <span class="unbroken"> × {times}</span>}
    </>
  );
}

function endings(run: RunDetails): Step[] {
  const found: Step[] = [];
  const add = (at: string | null, what: string, result: ComponentChildren, tone: Step["tone"]) => {
    if (at) found.push({ at: Date.parse(at), what, result, took: null, tone });
  };
  if (run.status !== "missed") {
    add(
      run.finished_at,
      "Ended",
      `It ${ENDS[run.status] ?? `was ${run.status}`}.`,
      run.status === "succeeded" ? "good" : "bad",
    );
  }
  const took = run.reply_seconds === null ? "" : ` after ${formatDuration(run.reply_seconds * 1000)}`;
  add(run.replied_at, "Reply", `The agent replied${took}.`, "good");
  const reason = run.reply_overdue_reason ?? "its time was over";
  add(
    run.reply_overdue_at,
    "Reply overdue",
    <>
      aichats stopped waiting for the agent's reply: <Text>{reason}</Text>.
    </>,
    "bad",
  );
  if (run.status === "pending") add(run.due_at, "Due", "aichats continues.", "wait");
  return found;
}

const ENDS: Partial<Record<RunStatus, string>> = {
  succeeded: "succeeded",
  failed: "failed",
  unknown: "ended with an unknown outcome",
};

const REPLIES: Record<NonNullable<RunDetails["reply_status"]>, string> = {
  awaited: "aichats watches the chat until the agent replies.",
  replied: "The agent replied.",
  overdue: "The agent did not reply in time, and aichats no longer watches the chat.",
};

/** What aichats does next with a run, and when. */
export function Outlook({ run }: { run: RunDetails }) {
  switch (run.status) {
    case "pending":
      return <Wait run={run} />;
    case "performing":
      return <>A function performs it now.</>;
    case "succeeded":
      return <>{run.reply_status ? REPLIES[run.reply_status] : "It is done."}</>;
    case "unknown":
      return <>aichats doesn't know whether it was done, and does nothing more until you decide.</>;
    case "missed":
    case "skipped":
      return <>aichats performs it only if you replay it.</>;
    default:
      return <>aichats does nothing more with it.</>;
  }
}

function Wait({ run }: { run: RunDetails }) {
  const { stack } = useStackPause();
  const now = useNow();
  const isDue = run.due_at === null || Date.parse(run.due_at) <= now;
  return (
    <>
      {run.attempts > 0 && `${run.attempts} of at most ${MAX_ATTEMPTS} attempts reached ${providerOf(run)}. `}
      {stack?.paused ? (
        "The stack is paused, so this run waits for the end of the pause. It fails if it is older than 25 hours by then."
      ) : isDue || run.due_at === null ? (
        "It is due now, so aichats continues within seconds, unless the stack is paused."
      ) : (
        <>
          aichats continues <Distance at={run.due_at} />, on <Time at={run.due_at} style="full" />. You don't need to do
          anything.
        </>
      )}
    </>
  );
}

/** Return the reason why a run waits or ended; null if there is none. What the page says elsewhere is left out. */
export function reasonOf(run: RunDetails): string | null {
  return run.error?.message?.split(NEXT_CHECK)[0]?.split(NEXT_CALL)[0] || null;
}
