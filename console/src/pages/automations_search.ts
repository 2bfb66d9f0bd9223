// The API selects automations by label. A name and a state are compared here, in the automations that were read.

import { useRef } from "preact/hooks";
import { type Api, read, type Schemas } from "../api/client";
import { type Page, type Pages, usePages } from "../hooks";
import type { AutomationView } from "../model/automation_words";
import { useSession } from "../session";

export const STATES = ["active", "paused", "disabled", "done", "deleting"] as const;
export interface Filter {
  /** A label, such as "team:growth"; "" for all. */
  readonly label: string;
  /** A part of the name; "" for all. */
  readonly name: string;
  readonly state: (typeof STATES)[number] | "";
}

const PAGE = 25;
const SEARCHED_AT_ONCE = 100;
const MOST_READS = 4;

/** True if a text is a state for which the list can be filtered. */
export function isState(text: string): text is (typeof STATES)[number] {
  return STATES.some((state) => state === text);
}

/**
 * Read the automations page by page, and again every few seconds.
 *
 * `searched` is the number of automations that were compared with the name and the state; null without such a filter.
 */
export function useAutomations(filter: Filter): Pages<AutomationView> & { searched: number | null } {
  const { api } = useSession();
  const isSearch = Boolean(filter.name || filter.state);
  const searched = useRef(new Map<string | null, number>());
  const key = JSON.stringify(["automations", filter]);
  const previous = useRef(key);
  if (previous.current !== key) searched.current.clear();
  previous.current = key;
  const load = async (cursor: string | null) => {
    if (!isSearch) return readPage(api, filter.label, cursor, PAGE);
    const { page, looked } = await search(api, filter, cursor);
    searched.current.set(cursor, looked);
    return page;
  };
  // A search reads many automations, so it is repeated less often.
  const pages = usePages(key, load, isSearch ? 60_000 : 15_000);
  const total = [...searched.current.values()].reduce((sum, looked) => sum + looked, 0);
  return { ...pages, searched: isSearch ? total : null };
}

async function search(
  api: Api,
  filter: Filter,
  cursor: string | null,
): Promise<{ page: Page<AutomationView>; looked: number }> {
  const found: AutomationView[] = [];
  let next = cursor;
  let looked = 0;
  for (let reads = 0; reads < MOST_READS && found.length < PAGE && (reads === 0 || next !== null); reads++) {
    const page = await readPage(api, filter.label, next, SEARCHED_AT_ONCE);
    looked += page.data.length;
    found.push(...page.data.filter((automation) => matches(automation, filter)));
    next = page.next_cursor ?? null;
  }
  return { page: { data: found, next_cursor: next }, looked };
}

async function readPage(api: Api, label: string, cursor: string | null, limit: number): Promise<Page<AutomationView>> {
  const query = { limit, ...(label ? { label } : {}), ...(cursor === null ? {} : { cursor }) };
  const page = await read(api.GET("/automations", { params: { query } }));
  return { data: page.data.filter(isView), next_cursor: page.next_cursor };
}

function matches(automation: AutomationView, { name, state }: Filter): boolean {
  const isDisabled = automation.paused?.scope === "trigger";
  const isOfState = state === "disabled" ? isDisabled : automation.state === state && !isDisabled;
  return automation.name.includes(name.trim().toLowerCase()) && (state === "" || isOfState);
}

/** True if an automation has its state; false for `view=input`, which has only what was sent. */
export function isView(automation: Schemas["ShownAutomation"]): automation is AutomationView {
  return "state" in automation && "etag" in automation;
}
