// The numbers of the page Usage: days in UTC, runs by status, and tokens, which are exact decimals.

import type { Schemas } from "../api/client";
import { amount } from "../model/words";

export type DayUsage = Schemas["DayUsage"];
export type GroupUsage = Schemas["AutomationUsage"] | Schemas["TargetUsage"];
export type RunCounts = Schemas["RunCounts"];
export type EndStatus = Exclude<keyof RunCounts, "total">;

/** The statuses of ended runs, in the order of a stack of bars: those that need a person are on top. */
export const END_STATUSES: readonly EndStatus[] = ["succeeded", "skipped", "cancelled", "missed", "failed", "unknown"];

const DAY_MS = 86_400_000;
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const share = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const longDayFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

/** Return a number in a few characters, such as "12.3K". */
export function brief(value: number): string {
  return value < 10_000 ? amount(value) : short.format(value);
}

/** Return a share, such as "98.5%". Only all is 100%, and only none is 0%. */
export function percent(part: number, all: number): string {
  if (all === 0) return "–";
  const exact = part / all;
  if (part > 0 && part < all) return share.format(Math.min(Math.max(exact, 0.001), 0.999));
  return share.format(exact);
}

/** Return the UTC day of a time. */
export function dayOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

/** Return the day that is so many days after another; the text itself if it isn't a day. */
export function daysAfter(day: string, days: number): string {
  const begin = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(begin) ? day : dayOf(begin + days * DAY_MS);
}

/** Return the number of days from one day to another, with both. */
export function daysBetween(since: string, until: string): number {
  return Math.round((Date.parse(`${until}T00:00:00Z`) - Date.parse(`${since}T00:00:00Z`)) / DAY_MS) + 1;
}

/** Return a day such as "20 Nov"; the text itself if it isn't a day. */
export function shortDay(day: string): string {
  return formatDay(dayFormat, day);
}

/** Return a day such as "Fri, 20 Nov 2026"; the text itself if it isn't a day. */
export function longDay(day: string): string {
  return formatDay(longDayFormat, day);
}

function formatDay(format: Intl.DateTimeFormat, day: string): string {
  const at = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(at) ? day : format.format(at);
}

/** Return the runs of some numbers in words, such as "11 succeeded, 1 failed". */
export function inWords(runs: RunCounts): string {
  const present = END_STATUSES.filter((status) => runs[status] > 0);
  return present.map((status) => `${amount(runs[status])} ${status}`).join(", ");
}

/** Return the longest span of days of `GET /runs`, which ends with a span of usage. */
export function runsQuery(since: string, until: string, filters: Record<string, string | null>): string {
  const first = daysAfter(until, 1 - MOST_DAYS_OF_RUNS);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value);
  query.set("since", `${since > first ? since : first}T00:00:00Z`);
  query.set("until", `${daysAfter(until, 1)}T00:00:00Z`);
  return `/runs?${query}`;
}

/** The most days that a list of runs can show. */
export const MOST_DAYS_OF_RUNS = 31;

/** Return the numbers for the lines of an axis: 0, and at most `lines` more up to `most` or just above. */
export function ticksUpTo(most: number, lines: number): number[] {
  if (most <= 0) return [0, 1];
  const rough = most / lines;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].map((each) => each * size).find((each) => each >= rough) ?? 1, 1);
  const number = Math.ceil(most / step);
  return Array.from({ length: number + 1 }, (_, index) => index * step);
}
