// The next times of automations as places on a line of time.

import type { Schemas } from "../api/client";
import { formatTime } from "../time";
import { formatInZone } from "../ui/zoned_time";
import { count } from "./words";
import { localOf } from "./zoned";

export type Upcoming = Schemas["UpcomingTimes"];

/** A span of time, in milliseconds. */
export interface Span {
  readonly since: number;
  readonly until: number;
}

/** Return where a time is in a span, in percent. */
export function placeOf(time: number, { since, until }: Span): number {
  return (100 * (time - since)) / (until - since);
}

export interface Tick {
  readonly time: number;
  /** Such as "15:00"; for midnight the day, such as "Sat 21 Nov". */
  readonly text: string;
  readonly kind: "hour" | "labeled" | "day";
}

const QUARTER_MS = 15 * 60_000;
const LABELED_HOURS = 3;

/** Return the whole hours of a span in a zone. Offsets of zones are multiples of 15 minutes. */
export function ticksOf({ since, until }: Span, zone: string): Tick[] {
  const ticks: Tick[] = [];
  for (let time = Math.ceil(since / QUARTER_MS) * QUARTER_MS; time <= until; time += QUARTER_MS) {
    const clock = localOf(time, zone).slice(11);
    if (!clock.endsWith(":00")) continue;
    const hour = Number(clock.slice(0, 2));
    if (hour === 0) ticks.push({ time, text: formatTime(time, zone, "day"), kind: "day" });
    else ticks.push({ time, text: clock, kind: hour % LABELED_HOURS === 0 ? "labeled" : "hour" });
  }
  return ticks;
}

/** More times than these in a lane are a band: single marks would touch each other. */
const MOST_MARKS = 30;

/** Return the ends of the band that replaces the marks of a lane; null if each time has its mark. */
export function bandOf({ times, more }: Upcoming, { until }: Span): Span | null {
  if (!more && times.length <= MOST_MARKS) return null;
  const [first, last] = [times[0], times.at(-1)];
  return first && last ? { since: Date.parse(first.utc), until: more ? until : Date.parse(last.utc) } : null;
}

/** Return how often times come, such as "every 5 min"; null if not regularly. */
export function rhythmOf({ times }: Upcoming): string | null {
  const instants = times.map((time) => Date.parse(time.utc));
  const gaps = instants.slice(1).map((instant, index) => instant - (instants[index] ?? 0));
  const [gap] = gaps;
  if (gap === undefined || gaps.some((each) => each !== gap)) return null;
  const minutes = gap / 60_000;
  return minutes % 60 === 0 ? `every ${minutes / 60} h` : `every ${minutes} min`;
}

/** Return how many times an automation has in the span, such as "24 times" or "50 times or more". */
export function numberOf({ times, more }: Upcoming): string {
  return `${count(times.length, "time")}${more ? " or more" : ""}`;
}

/** Return a time in the zone of the viewer and, if it differs, in that of the automation. */
export function timeInBoth(time: string, zone: string, own: string): string {
  const there = timeInOwn(time, zone, own);
  return formatTime(time, zone) + (there ? ` = ${there}` : "");
}

/** Return a time in the zone of the automation; null if that of the viewer shows the same. */
export function timeInOwn(time: string, zone: string, own: string): string | null {
  const instant = Date.parse(time);
  if (localOf(instant, zone) === localOf(instant, own)) return null;
  return formatInZone(time, own);
}
