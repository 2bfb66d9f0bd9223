// The filters of the runs: as the URL and the API have them, and as commands.

import type { Schemas } from "../api/client";
import type { operations } from "../api/schema";
import { RUN_STATUSES, type RunStatus } from "../ui/status";
import { quoted } from "../ui/terminal";

type RunQuery = NonNullable<operations["list_runs"]["parameters"]["query"]>;
export type Trigger = NonNullable<RunQuery["trigger"]>;
export type Verb = Schemas["Verb"];

/** The filters, by the names that the API gives them. */
export interface Filters {
  readonly statuses: readonly RunStatus[];
  readonly automation?: string;
  readonly target?: string;
  readonly label?: string;
  readonly trigger?: Trigger;
  readonly since?: string;
  readonly until?: string;
  readonly slot_since?: string;
  readonly slot_until?: string;
}

/** A start and an end, as the API returns them with a page. */
export interface Window {
  readonly since: string;
  readonly until: string;
}

const TRIGGERS: readonly Trigger[] = ["schedule", "webhook", "http"];
const TEXT_FILTERS = ["automation", "target", "label", "since", "until", "slot_since", "slot_until"] as const;
export const FILTER_NAMES = ["status", "trigger", ...TEXT_FILTERS] as const;

/** The statuses that a replay or a cancellation may change. The first ones are chosen if the filters name none. */
export const CHANGEABLE: Record<Verb, { usual: readonly RunStatus[]; others: readonly RunStatus[] }> = {
  replay: { usual: ["failed", "missed"], others: ["unknown", "skipped"] },
  cancel: { usual: ["pending", "performing"], others: ["unknown"] },
};

export function isRunStatus(word: string): word is RunStatus {
  return Object.hasOwn(RUN_STATUSES, word);
}

function isTrigger(word: string | null): word is Trigger {
  return TRIGGERS.some((trigger) => trigger === word);
}

/** Return whether a verb can change runs with this status. */
export function isChangeable(verb: Verb, status: RunStatus): boolean {
  const { usual, others } = CHANGEABLE[verb];
  return usual.includes(status) || others.includes(status);
}

/** Return the filters of a URL. Unknown statuses and triggers are left out. */
export function filtersOf(query: URLSearchParams): Filters {
  const trigger = query.get("trigger");
  const texts = TEXT_FILTERS.flatMap((name) => {
    const value = query.get(name);
    return value ? [[name, value] as const] : [];
  });
  return {
    statuses: [...new Set((query.get("status") ?? "").split(","))].filter(isRunStatus),
    ...(isTrigger(trigger) ? { trigger } : {}),
    ...Object.fromEntries(texts),
  };
}

/** Return the filters as the query of the API, which is also that of the URL. */
export function queryOf({ statuses, ...others }: Filters): RunQuery {
  return { ...(statuses.length > 0 ? { status: statuses.join(",") } : {}), ...others };
}

/** Return the path of the API, or of the console, with these filters. */
export function pathOf(filters: Filters): string {
  const query = new URLSearchParams(Object.entries(queryOf(filters)).map(([name, value]) => [name, String(value)]));
  return query.size > 0 ? `/runs?${query}` : "/runs";
}

/** Return whether anything is filtered. */
export function isFiltered(filters: Filters): boolean {
  return Object.keys(queryOf(filters)).length > 0;
}

/** Return the options of `aichats runs …` for these filters; null if it has none for one of them. */
export function optionsOf(filters: Filters): string | null {
  if (filters.slot_since || filters.slot_until) return null;
  const given: [string, string | undefined][] = [
    ["--status", filters.statuses.join(",")],
    ["--auto", filters.automation],
    ["--for", filters.target],
    ["--label", filters.label?.replace(":", "=")],
    ["--trigger", filters.trigger],
    ["--since", filters.since],
    ["--until", filters.until],
  ];
  return given.flatMap(([name, value]) => (value ? [` ${name} ${quoted(value)}`] : [])).join("");
}

type JobFilter = Omit<Schemas["ReplayFilter"], "status">;

/** Return the filter of a job. Its window is the one that the person sees, so that it doesn't move meanwhile. */
export function jobFilterOf(filters: Filters, window: Window | null): JobFilter {
  return {
    automation: filters.automation ?? null,
    target: filters.target ?? null,
    label: filters.label ?? null,
    trigger: filters.trigger ?? null,
    slot_since: filters.slot_since ?? null,
    slot_until: filters.slot_until ?? null,
    since: window?.since ?? filters.since ?? null,
    until: window?.until ?? filters.until ?? null,
  };
}
