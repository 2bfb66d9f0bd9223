// The newest events first, although the API lists them from the oldest to the newest.

import { type Api, read, type Schemas } from "../api/client";

export type SentEvent = Schemas["EventView"];

interface EventSpan {
  /** Newest first. */
  readonly data: readonly SentEvent[];
  /** The time of the first event that was read, in milliseconds. */
  readonly since: number;
  /** True if there are no older events. */
  readonly isLast: boolean;
}

const WANTED = 25;
export const FIRST_SPAN_MS = 600_000;
const KEPT_MS = 30 * 86_400_000;
const MOST_PAGES = 5;

/**
 * Read the newest events before a time, in whole milliseconds: at least 25, if there are as many.
 *
 * Spans of time are read one after the other, each longer than the one before. If there are too many events in a span,
 * a shorter one is read instead.
 */
export async function eventsBefore(
  api: Api,
  before: number,
  filter: { type?: string | undefined },
  firstSpan = FIRST_SPAN_MS,
): Promise<EventSpan> {
  const oldest = Date.now() - KEPT_MS;
  let data: SentEvent[] = [];
  let since = before;
  let span = firstSpan;
  while (data.length < WANTED && since > oldest) {
    const begin = Math.max(since - span, oldest);
    const found = await eventsBetween(api, begin, since - 1, filter);
    if (found === null && span > 1000) {
      span /= 4;
      continue;
    }
    data = [...data, ...(found ?? [])];
    since = begin;
    span *= 8;
  }
  const events = unique(data);
  const shown = upTo(events, WANTED);
  const last = shown.at(-1);
  if (last && shown.length < events.length) return { data: shown, since: Date.parse(last.timestamp), isLast: false };
  return { data: events, since, isLast: since <= oldest };
}

/** Return the first events, and all further ones of the same time as the last of them. */
function upTo(events: readonly SentEvent[], count: number): readonly SentEvent[] {
  const time = events[count - 1]?.timestamp;
  const end = events.findIndex((each, index) => index >= count && each.timestamp !== time);
  return end < 0 ? events : events.slice(0, end);
}

/** Return the events of a span of time, newest first; null if there are too many. */
async function eventsBetween(
  api: Api,
  since: number,
  until: number,
  filter: { type?: string | undefined },
): Promise<SentEvent[] | null> {
  const query = { ...filter, since: new Date(since).toISOString(), until: new Date(until).toISOString(), limit: 100 };
  const data: SentEvent[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await read(api.GET("/events", { params: { query: { ...query, cursor } } }));
    data.push(...answer.data);
    if (!answer.has_more) return data.reverse();
    cursor = answer.next_cursor ?? undefined;
  }
  return null;
}

/** Return events without those that come twice, which happens while new ones come. */
export function unique(events: readonly SentEvent[]): SentEvent[] {
  return [...new Map(events.map((each) => [each.id, each])).values()];
}
