// When an automation runs, as the form asks for it, and as a trigger of the API.

import { DAY_NAMES, type Days, parseCron, parseRate, YEAR } from "./cron";
import { isEqual, type JsonObject, setField, textOf } from "./json";
import { isoAt, isZone, localOf } from "./zoned";

export type WhenKind = "daily" | "weekdays" | "weekly" | "monthly" | "interval" | "once" | "webhook" | "expression";

/** What a person chose and typed. The fields of the other kinds are kept while one kind is chosen. */
export interface When {
  readonly kind: WhenKind;
  readonly timezone: string;
  /** "09:00" */
  readonly time: string;
  /** Days of the week: 1 is Sunday. */
  readonly days: readonly number[];
  /** The day of the month, or "L" for the last one. */
  readonly day: string;
  readonly every: string;
  readonly unit: string;
  /** "2026-11-30T09:00" */
  readonly once: string;
  readonly expression: string;
  readonly events: readonly string[];
  readonly filter: string;
  /** Wall-clock times in the zone. */
  readonly start: string;
  readonly end: string;
  readonly enabled: boolean;
}

export const UNITS = ["minutes", "hours", "days"] as const;
const WORKDAYS = [2, 3, 4, 5, 6];
const EACH_DAY = [1, 2, 3, 4, 5, 6, 7];

/** Return a new schedule: each day at 9, in a zone. */
export function newWhen(timezone: string): When {
  return {
    kind: "daily",
    timezone,
    time: "09:00",
    days: [2],
    day: "1",
    every: "1",
    unit: "hours",
    once: "",
    expression: "cron(0 9 * * ? *)",
    events: [],
    filter: "",
    start: "",
    end: "",
    enabled: true,
  };
}

/** Return the form of a trigger: a simple kind if it fits, otherwise its expression. */
export function whenOf(trigger: JsonObject, localZone: string): When {
  const enabled = trigger.enabled !== false;
  if (trigger.type === "webhook") {
    const events = Array.isArray(trigger.events) ? trigger.events.map(String) : [];
    return { ...newWhen(localZone), kind: "webhook", events, filter: textOf(trigger.filter), enabled };
  }
  const timezone = textOf(trigger.timezone) || "UTC";
  const expression = textOf(trigger.expression);
  const start = wallOf(trigger.start, timezone);
  const end = wallOf(trigger.end, timezone);
  return { ...newWhen(timezone), kind: "expression", expression, ...simple(expression), start, end, enabled };
}

/** Return the trigger of a form. What the form doesn't know, or didn't change, stays as it was. */
export function triggerOf(when: When, before: JsonObject): JsonObject {
  const type = when.kind === "webhook" ? "webhook" : "schedule";
  const trigger: JsonObject = before.type === type ? { ...before, type } : { type };
  setField(trigger, "enabled", when.enabled, true);
  if (type === "webhook") {
    trigger.events = when.events;
    setField(trigger, "filter", when.filter || null);
    return trigger;
  }
  trigger.expression = expressionOf(when, textOf(before.expression));
  setField(trigger, "timezone", when.timezone, "UTC");
  const isOnce = textOf(trigger.expression).startsWith("at(");
  for (const name of ["start", "end"] as const) {
    const isAsBefore =
      when.timezone === (before.timezone ?? "UTC") && when[name] === wallOf(before[name], when.timezone);
    const value = isAsBefore ? (before[name] ?? null) : timeOf(when[name], when.timezone);
    setField(trigger, name, isOnce ? null : value);
  }
  return trigger;
}

/** Return the expression of a form. One that means the same as the one before stays as it was written. */
export function expressionOf(when: When, before = ""): string {
  const made = madeExpression(when);
  const known = when.kind === "expression" ? {} : simple(before);
  const isSame = known.kind === when.kind && madeExpression({ ...when, ...known }) === made;
  return isSame ? before : made;
}

function madeExpression(when: When): string {
  const [hour = "", minute = ""] = when.time.split(":").map((part) => part.replace(/^0(?=\d)/, ""));
  switch (when.kind) {
    case "daily":
      return `cron(${minute} ${hour} * * ? *)`;
    case "weekdays":
      return `cron(${minute} ${hour} ? * MON-FRI *)`;
    case "weekly":
      return `cron(${minute} ${hour} ? * ${dayNames(when.days)} *)`;
    case "monthly":
      return `cron(${minute} ${hour} ${when.day} * ? *)`;
    case "interval":
      return `rate(${when.every} ${when.every === "1" ? when.unit.slice(0, -1) : when.unit})`;
    case "once":
      return `at(${when.once.length === 16 ? `${when.once}:00` : when.once})`;
    default:
      return when.expression.trim();
  }
}

// A week begins on Monday.
function dayNames(days: readonly number[]): string {
  return [...days]
    .sort((one, other) => ((one + 5) % 7) - ((other + 5) % 7))
    .map((day) => DAY_NAMES[day - 1])
    .join(",");
}

// The simple kind that shows an expression, if there is one.
function simple(expression: string): Partial<When> {
  const rate = parseRate(expression);
  if (rate) return { kind: "interval", every: rate[0], unit: `${rate[1]}s` };
  const once = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d):00\)$/.exec(expression);
  if (once) return { kind: "once", once: once[1] ?? "" };
  const cron = parseCron(expression);
  if (cron?.minutes.length !== 1 || cron.hours.length !== 1 || cron.months.length !== 12) return {};
  if (cron.years.length !== YEAR.high - YEAR.low + 1) return {};
  const [hour, minute] = [cron.hours[0], cron.minutes[0]].map((value) => String(value).padStart(2, "0"));
  const days = simpleDays(cron.days);
  return days ? { time: `${hour}:${minute}`, ...days } : {};
}

function simpleDays(days: Days): Partial<When> | null {
  if (days.kind === "last-day") return { kind: "monthly", day: "L" };
  if (days.kind === "month" && days.days.length === 31) return { kind: "daily" };
  if (days.kind === "month" && days.days.length === 1) return { kind: "monthly", day: String(days.days[0]) };
  if (days.kind !== "week") return null;
  if (isEqual(days.days, EACH_DAY)) return { kind: "daily" };
  return isEqual(days.days, WORKDAYS) ? { kind: "weekdays" } : { kind: "weekly", days: days.days };
}

function wallOf(value: unknown, timezone: string): string {
  const instant = Date.parse(textOf(value));
  return Number.isNaN(instant) || !isZone(timezone) ? "" : localOf(instant, timezone);
}

function timeOf(wall: string, timezone: string): string | null {
  return wall && isZone(timezone) ? isoAt(wall, timezone) : null;
}
