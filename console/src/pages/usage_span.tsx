// The days whose usage is shown. They are in the URL: `days` for a span that ends today, or `since` and `until`.

import { useState } from "preact/hooks";
import { problemAt } from "../api/client";
import { Link, useQueryParameters } from "../router";
import { Button } from "../ui/button";
import { TextField } from "../ui/form";
import { dayOf, daysAfter, daysBetween } from "./usage_numbers";

/** The most days that the API adds up in one answer. */
export const MOST_DAYS = 92;
const SPANS = [7, 30, MOST_DAYS] as const;
const DEFAULT_DAYS = 30;

export interface Span {
  readonly since: string;
  readonly until: string;
  /** The number of days up to today; null for dates that a person chose. */
  readonly days: number | null;
}

/** Return the span that the URL names. Texts that are no days are passed on: the API says what is wrong with them. */
export function spanOf(query: URLSearchParams, now: number): Span {
  const today = dayOf(now);
  const chosenUntil = query.get("until");
  const since = query.get("since");
  if (chosenUntil !== null || since !== null) {
    const until = chosenUntil ?? today;
    return { since: since ?? daysAfter(until, 1 - DEFAULT_DAYS), until, days: null };
  }
  const days = SPANS.find((each) => String(each) === query.get("days")) ?? DEFAULT_DAYS;
  return { since: daysAfter(today, 1 - days), until: today, days };
}

/** Return the path of this page for some other days, with the same filters. */
export function useLinkTo(): (changes: Record<string, string | null>) => string {
  const [query] = useQueryParameters();
  return (changes) => {
    const changed = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) changed.delete(name);
      else changed.set(name, value);
    }
    return changed.size > 0 ? `/usage?${changed}` : "/usage";
  };
}

/** Links to the usual spans, and a form for dates. */
export function SpanChoice({ span, error }: { span: Span; error: Error | null }) {
  const link = useLinkTo();
  return (
    <div class="usage-span">
      <nav aria-label="Days" class="switch">
        {SPANS.map((days) => (
          <Link
            key={days}
            to={link({ days: days === DEFAULT_DAYS ? null : String(days), since: null, until: null })}
            aria-current={span.days === days ? "page" : undefined}
          >
            {days} days
          </Link>
        ))}
      </nav>
      {/* The key takes over the dates of another span, and never those that a person is typing. */}
      <Dates key={`${span.since} ${span.until}`} span={span} error={error} />
    </div>
  );
}

function Dates({ span, error }: { span: Span; error: Error | null }) {
  const [, change] = useQueryParameters();
  const [since, setSince] = useState(span.since);
  const [until, setUntil] = useState(span.until);
  const [checked, setChecked] = useState(false);
  const problem = (field: string) => problemAt(error, field);
  const own = checked || error ? problemOf(since, until) : null;
  const show = (event: Event) => {
    event.preventDefault();
    setChecked(true);
    if (problemOf(since, until) === null) change({ since, until, days: null });
  };
  return (
    <form class="dates" onSubmit={show} aria-label="Other days">
      <TextField
        label="First day"
        type="date"
        value={since}
        onValue={setSince}
        required
        error={own ?? problem("since")}
      />
      <TextField label="Last day" type="date" value={until} onValue={setUntil} required error={problem("until")} />
      <Button type="submit">Show these days</Button>
    </form>
  );
}

function problemOf(since: string, until: string): string | null {
  if (Number.isNaN(daysBetween(since, until))) return null;
  if (since > until) return "The first day must not be after the last day";
  const days = daysBetween(since, until);
  return days > MOST_DAYS ? `These are ${days} days. Choose at most ${MOST_DAYS}` : null;
}

/** Return whether an error is about the days, which their form shows. */
export function isAboutDays(error: Error | null): boolean {
  return ["since", "until"].some((field) => problemAt(error, field) !== null);
}
