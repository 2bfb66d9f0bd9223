// What a draft means: its times in words and in both zones, and what it will send.

import { ApiError, type Schemas } from "../api/client";
import type { When } from "../model/draft_when";
import { describeSchedule } from "../model/schedule_words";
import { isZone } from "../model/zoned";
import { formatTime, useZone } from "../time";
import { Notice } from "../ui/state";
import { LongText, Text } from "../ui/text";
import type { Check, Times } from "./form_checks";

type Rendered = Schemas["RenderedPreview"];
type Target = Schemas["RenderedTarget"];

const MOST_GROUPS = 4;
const MOST_NAMES = 3;

interface TimesProperties {
  when: When;
  expression: string;
  times: Check<Times>;
}

/** The meaning of a schedule, and its next times as the API computes them. */
export function NextTimes({ when, expression, times }: TimesProperties) {
  const words = describeSchedule(expression, when.timezone);
  const isWrong = times.isCurrent && times.error instanceof ApiError && times.error.status === 422;
  return (
    <div class="next-times">
      <p aria-live="polite">
        {words && <strong>{words}</strong>}
        {when.kind !== "expression" && (
          <>
            {" "}
            <code class="faint">{expression}</code>
          </>
        )}
      </p>
      {times.data && times.data.length > 0 && !isWrong && isZone(when.timezone) && (
        <TimesList times={times.data} zone={when.timezone} isCurrent={times.isCurrent && !times.error} />
      )}
      {isWrong && <p class="hint">You see the next times here as soon as this is right.</p>}
      {times.isCurrent && times.error && !isWrong && (
        <p class="hint">The next times can't be checked now: {times.error.message}</p>
      )}
    </div>
  );
}

function TimesList({ times, zone, isCurrent }: { times: Times; zone: string; isCurrent: boolean }) {
  const viewer = useZone();
  const hasOtherZone = times.some(({ utc }) => formatTime(utc, viewer.zone) !== formatTime(utc, zone));
  return (
    <>
      <p class="hint">{hasOtherZone ? `Next in ${zone}, and in ${viewer.zone}:` : `Next in ${zone}:`}</p>
      <ol class={isCurrent ? "" : "stale"} aria-label="The next times">
        {times.map(({ utc }) => (
          <li key={utc}>
            <time dateTime={utc}>{withYear(utc, zone)}</time>
            {hasOtherZone && <span class="faint">{withYear(utc, viewer.zone)}</span>}
          </li>
        ))}
      </ol>
    </>
  );
}

// The year, if it isn't this one.
function withYear(at: string, zone: string): string {
  const isThisYear = new Date(at).getUTCFullYear() === new Date().getUTCFullYear();
  return formatTime(at, zone, isThisYear ? "short" : "full");
}

interface RenderedProperties {
  rendered: Check<Rendered | undefined>;
  /** Why there is nothing to show yet. */
  waiting: string;
}

/** What the automation will send, for each target. */
export function WillSend({ rendered, waiting }: RenderedProperties) {
  const { data, error, isCurrent } = rendered;
  const isWrong = error instanceof ApiError && error.status === 422;
  return (
    <section class={`section will-send ${isCurrent && !error ? "" : "stale"}`} aria-label="What it will send">
      <header>
        <h2>What it will send</h2>
      </header>
      {data ? (
        <Sent preview={data} />
      ) : (
        <p class="hint">{error && isCurrent && !isWrong ? `It can't be shown now: ${error.message}` : waiting}</p>
      )}
    </section>
  );
}

function Sent({ preview }: { preview: Rendered }) {
  const { zone } = useZone();
  const groups = grouped(preview.rendered);
  const shown = groups.slice(0, MOST_GROUPS);
  const rest = groups.slice(MOST_GROUPS).flat().length + (preview.not_shown ?? 0);
  return (
    <>
      <p class="hint">
        {preview.event_type
          ? `For ${preview.is_example ? "an example of " : ""}${preview.event_type}.`
          : preview.at && `For the run on ${formatTime(preview.at, zone)}.`}
      </p>
      {preview.filtered && <p>The condition is false for this event, so nothing is sent.</p>}
      {shown.map((rows, index) => (
        <SentTo key={index} rows={rows} />
      ))}
      {rest > 0 && <p class="hint">And {rest} more.</p>}
    </>
  );
}

// Targets that get the same are shown together.
function grouped(rows: readonly Target[]): Target[][] {
  const groups = new Map<string, Target[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.title, row.message, row.error, row.action]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

function SentTo({ rows }: { rows: readonly Target[] }) {
  const [row] = rows;
  if (!row) return null;
  const names = rows.slice(0, MOST_NAMES).map(({ target }) => target ?? "no company");
  const to = [names.join(", "), rows.length > names.length ? ` and ${rows.length - names.length} more` : ""].join("");
  if (row.error) {
    return (
      <Notice kind="warning" title={row.target ? <Text>{to}</Text> : "A text can't be filled in"}>
        <p>
          <code>{row.error.field}</code>: <Text>{row.error.detail}</Text>
        </p>
      </Notice>
    );
  }
  return (
    <article class="form-sent">
      <h3>
        To <Text>{to}</Text>
      </h3>
      {row.title && (
        <p>
          <span class="faint">Title: </span>
          <Text>{row.title}</Text>
        </p>
      )}
      {row.message ? (
        <LongText label={`Message to ${names.join(", ")}`}>{row.message}</LongText>
      ) : (
        <Changes action={row.action} />
      )}
    </article>
  );
}

function Changes({ action }: { action: Schemas["Action"] | null }) {
  if (action?.type !== "whop.update_chat") return null;
  const { notification_preference: notifications, company_id: company } = action;
  return (
    <ul>
      {notifications && <li>{notifications === "none" ? "Mutes the chat" : "Notifies about every message"}</li>}
      {company && <li>Moves the chat to {company}</li>}
    </ul>
  );
}
