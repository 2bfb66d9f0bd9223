// Reads cron expressions of EventBridge Scheduler. The API decides which of them are valid; this only explains them.

/** The days of a month that an expression selects. Days of the week are 1 (Sunday) to 7 (Saturday). */
export type Days =
  | { readonly kind: "month"; readonly days: readonly number[] }
  | { readonly kind: "week"; readonly days: readonly number[] }
  | { readonly kind: "last-day" }
  | { readonly kind: "last-workday" }
  | { readonly kind: "nearest-workday"; readonly day: number }
  | { readonly kind: "nth-of-week"; readonly day: number; readonly nth: number }
  | { readonly kind: "last-of-week"; readonly day: number };

/** The values of each field, ascending, each once. */
export interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: Days;
  readonly months: readonly number[];
  readonly years: readonly number[];
}

interface Field {
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
}

const MINUTE: Field = { low: 0, high: 59, names: [] };
const HOUR: Field = { low: 0, high: 23, names: [] };
const DAY_OF_MONTH: Field = { low: 1, high: 31, names: [] };
const MONTH: Field = {
  low: 1,
  high: 12,
  names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
/** The days of the week, in the order of their numbers: 1 is Sunday. */
export const DAY_NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const DAY_OF_WEEK: Field = { low: 1, high: 7, names: DAY_NAMES };
export const YEAR: Field = { low: 1970, high: 2199, names: [] };

/** Return the values of a cron expression; null if it isn't one. */
export function parseCron(expression: string): Cron | null {
  const fields = /^cron\((.*)\)$/.exec(expression)?.[1]?.toUpperCase().trim().split(/\s+/);
  if (fields?.length !== 6) return null;
  const [minute = "", hour = "", dayOfMonth = "", month = "", dayOfWeek = "", year = ""] = fields;
  if ((dayOfMonth === "?") === (dayOfWeek === "?")) return null;
  const minutes = values(MINUTE, minute);
  const hours = values(HOUR, hour);
  const days = dayOfWeek === "?" ? daysOfMonth(dayOfMonth) : daysOfWeek(dayOfWeek);
  const months = values(MONTH, month);
  const years = values(YEAR, year);
  return minutes && hours && days && months && years ? { minutes, hours, days, months, years } : null;
}

/** Return the value and the unit ("minute", "hour" or "day") of a rate expression; null if it isn't one. */
export function parseRate(expression: string): [value: string, unit: string] | null {
  const [, value, unit] = /^rate\(([1-9]\d*)\s+(minute|hour|day)s?\)$/.exec(expression) ?? [];
  return value && unit ? [value, unit] : null;
}

function daysOfMonth(text: string): Days | null {
  if (text === "L") return { kind: "last-day" };
  if (text === "LW") return { kind: "last-workday" };
  const nearest = /^(\d+)W$/.exec(text);
  if (nearest) {
    const day = number(DAY_OF_MONTH, nearest[1] ?? "");
    return day === null ? null : { kind: "nearest-workday", day };
  }
  const days = values(DAY_OF_MONTH, text);
  return days && { kind: "month", days };
}

function daysOfWeek(text: string): Days | null {
  if (text === "L") return { kind: "week", days: [DAY_OF_WEEK.high] };
  const special = /^([0-9A-Z]+?)(?:L|#([1-5]))$/.exec(text);
  if (special) {
    const day = number(DAY_OF_WEEK, special[1] ?? "");
    if (day === null) return null;
    return special[2] ? { kind: "nth-of-week", day, nth: Number(special[2]) } : { kind: "last-of-week", day };
  }
  const days = text.includes("/") ? null : values(DAY_OF_WEEK, text);
  return days && { kind: "week", days };
}

function values(field: Field, text: string): readonly number[] | null {
  const found = new Set<number>();
  for (const item of text.split(",")) {
    const parts = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d{1,4}))?$/.exec(item);
    if (!parts) return null;
    const [, start, end, stepText] = parts;
    const first = start === undefined ? field.low : number(field, start);
    const last = lastOf(field, first, { isStar: start === undefined, end, hasStep: stepText !== undefined });
    const step = stepText === undefined ? 1 : Number(stepText);
    if (first === null || last === null || last < first || step < 1 || step > field.high) return null;
    for (let value = first; value <= last; value += step) found.add(value);
  }
  return [...found].sort((one, other) => one - other);
}

interface Range {
  readonly isStar: boolean;
  readonly end: string | undefined;
  readonly hasStep: boolean;
}

function lastOf(field: Field, first: number | null, { isStar, end, hasStep }: Range): number | null {
  if (end !== undefined) return number(field, end);
  return isStar || hasStep ? field.high : first;
}

function number(field: Field, text: string): number | null {
  const named = field.names.indexOf(text);
  if (named >= 0) return field.low + named;
  if (!/^\d{1,4}$/.test(text)) return null;
  const value = Number(text);
  return value >= field.low && value <= field.high ? value : null;
}
