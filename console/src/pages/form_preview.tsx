// What a draft means: its times in words and in both zones, and what it will send.

import type { Schemas } from "../api/client";
import type { When } from "../model/draft_when";
import { describeSchedule } from "../model/schedule_words";
import { formatTime, LOCAL_ZONE, useZone } from "../time";
import { Notice } from "../ui/state";
import { LongText, Text } from "../ui/text";
import type { Check, Times } from "./form_checks";

const MOST_TARGETS = 5;

interface TimesProperties {
  when: When;
  expression: string;
  times: Check<Times>;
}

/** The meaning of a schedule, and its next times as the API computes them. */
export function NextTimes({ when, expression, times }: TimesProperties) {
  const words = describeSchedule(expression, when.timezone);
  const failure = times.isCurrent && times.error && times.data === undefined ? times.error.message : null;
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
      {times.data && times.data.length > 0 && (
        <TimesTable times={times.data} zone={when.timezone} isCurrent={times.isCurrent && !times.error} />
      )}
      {failure && when.kind !== "expression" && <p class="hint">The next times can't be shown: {failure}</p>}
    </div>
  );
}

function TimesTable({ times, zone, isCurrent }: { times: Times; zone: string; isCurrent: boolean }) {
  const viewer = useZone();
  const isSame = formatTime(times[0]?.utc ?? 0, LOCAL_ZONE, "full") === formatTime(times[0]?.utc ?? 0, zone, "full");
  const showsViewer = viewer.zone !== zone && !(isSame && viewer.zone === LOCAL_ZONE);
  return (
    <table class={isCurrent ? "" : "stale"} aria-busy={!isCurrent}>
      <caption class="hidden">The next times</caption>
      <thead>
        <tr>
          <th scope="col">Next in {zone}</th>
          {showsViewer && <th scope="col">In {viewer.zone}</th>}
        </tr>
      </thead>
      <tbody>
        {times.map(({ utc }) => (
          <tr key={utc}>
            <td>
              <time dateTime={utc}>{withYear(utc, zone)}</time>
            </td>
            {showsViewer && <td>{withYear(utc, viewer.zone)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// The year, if it isn't this one.
function withYear(at: string, zone: string): string {
  const isThisYear = new Date(at).getUTCFullYear() === new Date().getUTCFullYear();
  return formatTime(at, zone, isThisYear ? "short" : "full");
}

interface RenderedProperties {
  rendered: Check<Schemas["RenderedPreview"] | undefined>;
  /** Why there is nothing to show yet. */
  waiting: string;
}

/** What the automation will send, for each target. */
export function WillSend({ rendered, waiting }: RenderedProperties) {
  const { data, error, isCurrent } = rendered;
  return (
    <section class={`section will-send ${isCurrent && !error ? "" : "stale"}`} aria-label="What it will send">
      <header>
        <h2>What it will send</h2>
      </header>
      {data ? (
        <Sent preview={data} />
      ) : (
        <p class="hint">{error && isCurrent ? `The preview isn't available: ${error.message}` : waiting}</p>
      )}
    </section>
  );
}

function Sent({ preview }: { preview: Schemas["RenderedPreview"] }) {
  const { zone } = useZone();
  const rows = preview.rendered.slice(0, MOST_TARGETS);
  const rest = preview.rendered.length - rows.length + (preview.not_shown ?? 0);
  return (
    <>
      <p class="hint">
        {preview.event_type
          ? `For ${preview.is_example ? "an example of " : ""}${preview.event_type}.`
          : preview.at && `For the run on ${formatTime(preview.at, zone)}.`}
      </p>
      {preview.filtered && <p>The condition is false for this event, so nothing is sent.</p>}
      {rows.map((row, index) => (
        <SentTo key={index} row={row} />
      ))}
      {rest > 0 && <p class="hint">And {rest} more.</p>}
    </>
  );
}

function SentTo({ row }: { row: Schemas["RenderedTarget"] }) {
  if (row.error) {
    return (
      <Notice kind="warning" title={row.target ? <Text>{row.target}</Text> : "A text can't be filled in"}>
        <p>
          <code>{row.error.field}</code>: <Text>{row.error.detail}</Text>
        </p>
      </Notice>
    );
  }
  return (
    <article class="sent">
      <h3>{row.target === null ? "No company" : <Text>{row.target}</Text>}</h3>
      {row.title && (
        <p>
          <span class="faint">Title: </span>
          <Text>{row.title}</Text>
        </p>
      )}
      {row.message ? (
        <LongText label={`Message to ${row.target ?? "no company"}`}>{row.message}</LongText>
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
