// A subscription as a person writes it, and what becomes of that if someone else changes the subscription meanwhile.

import type { Schemas } from "../api/client";
import { isEventPattern } from "./events";

type Row = Schemas["SubscriptionView"];
export type Format = Row["format"];

export interface Draft {
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly filter: string;
  readonly format: Format;
  readonly description: string;
  readonly enabled: boolean;
  readonly include_reply: boolean;
}

/** What is selected in a new subscription: everything that needs a person. */
export const NEW_DRAFT: Draft = {
  name: "",
  url: "",
  events: ["run.failed", "run.unknown", "run.missed", "connection.broken"],
  filter: "",
  format: "standard",
  description: "",
  enabled: true,
  include_reply: false,
};

export function draftOf(row: Row): Draft {
  const { name, url, events, format, enabled, include_reply } = row;
  return {
    name,
    url,
    events,
    filter: row.filter ?? "",
    format,
    description: row.description ?? "",
    enabled,
    include_reply,
  };
}

// The fields that only the API writes. The types of the API want them in a request, but JSON leaves them out.
const READ_ONLY = {
  name: undefined,
  failing_since: undefined,
  last_error: undefined,
  last_success_at: undefined,
  next_attempt_at: undefined,
  previous_secret_until: undefined,
  created_at: undefined,
  updated_at: undefined,
  created_by: undefined,
  updated_by: undefined,
  etag: undefined,
};

/** Return the body of the request that stores a draft. */
export function bodyOf(draft: Draft): Schemas["SubscriptionBody"] {
  return {
    ...READ_ONLY,
    url: draft.url.trim(),
    events: draft.events.includes("*") ? ["*"] : draft.events.filter(isEventPattern),
    filter: draft.filter.trim() || null,
    format: draft.format,
    description: draft.description.trim() || null,
    enabled: draft.enabled,
    include_reply: draft.include_reply,
  };
}

/** The fields in words, in the order of the form. */
export const FIELDS: readonly (readonly [field: keyof Draft, name: string])[] = [
  ["format", "Format"],
  ["url", "URL"],
  ["description", "Description"],
  ["events", "Events"],
  ["filter", "Filter"],
  ["include_reply", "Replies"],
  ["enabled", "Enabled"],
];

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Return the names of the fields in which two drafts differ. */
export function differences(one: Draft, other: Draft): string[] {
  return FIELDS.filter(([field]) => !isSame(one[field], other[field])).map(([, name]) => name);
}

/** Return the newer draft, with the changes that a person made to the older one. */
export function merged(base: Draft, mine: Draft, newer: Draft): Draft {
  const pick = <K extends keyof Draft>(field: K): Draft[K] =>
    isSame(mine[field], base[field]) ? newer[field] : mine[field];
  return {
    name: pick("name"),
    url: pick("url"),
    events: pick("events"),
    filter: pick("filter"),
    format: pick("format"),
    description: pick("description"),
    enabled: pick("enabled"),
    include_reply: pick("include_reply"),
  };
}
