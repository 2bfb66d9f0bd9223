// Triggers in words. What can't be said in a short and exact sentence is not said: null, and the page shows the
// expression alone.

import type { Schemas } from "../api/client";
import { type Cron, type Days, parseCron, parseRate, YEAR } from "./cron";
import { joined } from "./words";

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
/** The days of the week, in the order of their numbers in EventBridge: 1 is Sunday. */
export const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
const NTH = ["first", "second", "third", "fourth", "fifth"];
const MOST_LISTED = 6;
const FEW_TIMES = 3;
/** The days that each month has in each year. */
const SHORTEST = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Return when a schedule fires, such as "At 09:00, Monday through Friday (Europe/Berlin)"; null if it isn't short. */
export function describeSchedule(expression: string, timezone: string): string | null {
  const rate = parseRate(expression);
  // A rate is counted in hours of 60 minutes, whatever the clocks show.
  if (rate) return describeRate(Number(rate[0]), rate[1]);
  const words = describeAt(expression) ?? describeCron(parseCron(expression));
  return words && `${words} (${timezone})`;
}

/** Return when a trigger fires, in words. */
export function describeTrigger(trigger: Schemas["ScheduleTrigger"] | Schemas["WebhookTrigger"]): string {
  if (trigger.type === "schedule") {
    const timezone = trigger.timezone ?? "UTC";
    return describeSchedule(trigger.expression, timezone) ?? `${trigger.expression} (${timezone})`;
  }
  const [first, second, ...others] = trigger.events;
  const events =
    others.length > 1 ? `${first}, ${second} or ${others.length} other events` : joined(trigger.events, "or");
  return `When Whop sends ${events}${trigger.filter ? ", if the filter is true" : ""}`;
}

function describeRate(value: number, unit: string): string {
  if (unit === "day") return value === 1 ? "Every 24 hours" : `Every ${value} days of 24 hours`;
  return value === 1 ? `Every ${unit}` : `Every ${value} ${unit}s`;
}

function describeAt(expression: string): string | null {
  const parts = /^at\((\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)\)$/.exec(expression);
  const day = new Date(`${parts?.[1]}T00:00:00Z`);
  if (!parts || Number.isNaN(day.getTime())) return null;
  const date = day.toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  });
  return `Once, on ${date.replace(",", "")} at ${parts[2]}${parts[3] === ":00" ? "" : parts[3]}`;
}

function describeCron(cron: Cron | null): string | null {
  if (!cron) return null;
  const [time, isOften] = describeTimes(cron.minutes, cron.hours);
  const days = describeDays(cron.days, cron.months);
  const years = describeYears(cron.years);
  if (time === null || days === null || years === null) return null;
  const isDaily = days === "every day";
  // "Every 15 minutes" needs no "every day".
  return [time, isDaily && isOften ? "" : days, years].filter(Boolean).join(", ");
}

// The times of a day, and whether they are an interval rather than a few times.
function describeTimes(minutes: readonly number[], hours: readonly number[]): [string | null, boolean] {
  const times = hours.flatMap((hour) => minutes.map((each) => clock(hour, each)));
  const listed = `At ${joined(times)}`;
  if (times.length <= FEW_TIMES) return [listed, false];
  const interval = hours.length === 24 ? allDay(minutes) : partOfDay(minutes, hours);
  if (interval) return [interval, true];
  return [times.length <= MOST_LISTED ? listed : null, false];
}

function allDay(minutes: readonly number[]): string | null {
  const [first] = minutes;
  if (minutes.length === 60) return "Every minute";
  const every = isRound(minutes) ? `Every ${60 / minutes.length} minutes` : "Every hour";
  const isOnTheHour = first === 0 && (minutes.length === 1 || isRound(minutes));
  if (isOnTheHour) return every;
  return minutes.length <= MOST_LISTED ? `${every}, at ${pastTheHour(minutes)}` : null;
}

function partOfDay(minutes: readonly number[], hours: readonly number[]): string | null {
  const span = `from ${clock(hours[0], minutes[0])} to ${clock(hours.at(-1), minutes.at(-1))}`;
  const hourStep = evenStep(hours);
  if (minutes.length === 1 && hours.length > MOST_LISTED) {
    return hourStep === null ? null : `Every ${hourStep === 1 ? "hour" : `${hourStep} hours`} ${span}`;
  }
  const minuteStep = evenStep(minutes);
  const isWithoutGap = hours.length === 1 || (isRound(minutes) && hourStep === 1);
  if (!minuteStep || !isWithoutGap) return null;
  return `Every ${minuteStep === 1 ? "minute" : `${minuteStep} minutes`} ${span}`;
}

function pastTheHour(minutes: readonly number[]): string {
  const unit = minutes.length === 1 && minutes[0] === 1 ? "minute" : "minutes";
  return `${joined(minutes.map(String))} ${unit} past the hour`;
}

function describeDays(days: Days, months: readonly number[]): string | null {
  const names = ranges(months).map(([first, last]) => range(MONTHS[first - 1], MONTHS[last - 1], last - first));
  const inMonths = months.length === 12 ? "" : ` in ${joined(names.flat())}`;
  const ofMonth = months.length === 1 ? `of ${names.flat()}` : `of the month${inMonths}`;
  switch (days.kind) {
    case "last-day":
      return `on the last day ${ofMonth}`;
    case "last-workday":
      return `on the last workday (Monday to Friday) ${ofMonth}`;
    case "nearest-workday":
      return `on the workday (Monday to Friday) nearest to day ${days.day} ${ofMonth}${rarely(days.day, months)}`;
    case "nth-of-week":
      return `on the ${NTH[days.nth - 1]} ${WEEKDAYS[days.day - 1]} ${ofMonth}${days.nth > 4 ? ", if there is one" : ""}`;
    case "last-of-week":
      return `on the last ${WEEKDAYS[days.day - 1]} ${ofMonth}`;
    case "week":
      return `${describeWeekdays(days.days)}${inMonths}`;
    default:
      if (days.days.length === 31) return `every day${inMonths}`;
      return describeMonthdays(days.days, ofMonth, months);
  }
}

function describeWeekdays(days: readonly number[]): string {
  if (days.length === 7) return "every day";
  if (days.length === 1) return `every ${weekday(days[0] ?? 1)}`;
  // A week begins on Monday.
  const fromMonday = days.map((day) => (day + 5) % 7).sort((one, other) => one - other);
  const names = ranges(fromMonday).flatMap(([first, last]) =>
    range(weekday(((first + 1) % 7) + 1), weekday(((last + 1) % 7) + 1), last - first),
  );
  return joined(names);
}

function describeMonthdays(days: readonly number[], ofMonth: string, months: readonly number[]): string | null {
  const parts = ranges(days).flatMap(([first, last]) => range(String(first), String(last), last - first));
  const [first = 1] = days;
  if (days.length === 1) return `on day ${first} ${ofMonth}${rarely(first, months)}`;
  if (parts.length <= MOST_LISTED) return `on days ${joined(parts)} ${ofMonth}`;
  const step = evenStep(days);
  return step === null ? null : `every ${step} days from day ${first} to day ${days.at(-1)} ${ofMonth}`;
}

// Not each of the months has the day.
function rarely(day: number, months: readonly number[]): string {
  return months.every((month) => day <= (SHORTEST[month - 1] ?? 0)) ? "" : ", if there is one";
}

function describeYears(years: readonly number[]): string | null {
  const [first = YEAR.low] = years;
  const step = evenStep(years);
  const isOpen = step !== null && (years.at(-1) ?? 0) + step > YEAR.high;
  if (isOpen && step === 1) return first === YEAR.low ? "" : `from ${first} on`;
  if (isOpen && years.length > MOST_LISTED) return `every ${step} years from ${first} on`;
  const parts = ranges(years).flatMap(([start, end]) => range(String(start), String(end), end - start));
  return parts.length > MOST_LISTED ? null : `in ${joined(parts)}`;
}

function weekday(day: number): string {
  return WEEKDAYS[day - 1] ?? "";
}

function clock(hour = 0, minute = 0): string {
  return `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

// The minutes are spread evenly over each hour, such as 5, 25 and 45.
function isRound(minutes: readonly number[]): boolean {
  return minutes.length > 1 && evenStep(minutes) === 60 / minutes.length;
}

// The distance of neighbors, if it is the same everywhere; null otherwise, and for a single value.
function evenStep(values: readonly number[]): number | null {
  const [first = 0, second] = values;
  if (second === undefined) return values.length === 1 ? 1 : null;
  const step = second - first;
  return values.every((value, index) => value === first + index * step) ? step : null;
}

function ranges(values: readonly number[]): [first: number, last: number][] {
  const found: [number, number][] = [];
  for (const value of values) {
    const open = found.at(-1);
    if (open && open[1] === value - 1) open[1] = value;
    else found.push([value, value]);
  }
  return found;
}

// Two neighbors are listed, more are a range.
function range(first = "", last = "", distance: number): string[] {
  if (distance === 0) return [first];
  return distance === 1 ? [first, last] : [`${first} through ${last}`];
}
