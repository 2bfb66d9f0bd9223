// The newest runs of a few statuses, for pages that show only some of them.

import { type Api, read, type Schemas } from "../api/client";

export interface Runs {
  readonly list: readonly Schemas["RunView"][];
  /** True if there are more of these runs than were read. */
  readonly more: boolean;
}

const MOST_PAGES = 5;

/** Read the newest runs with a status, at least `enough` if there are so many. */
export async function firstRuns(api: Api, filter: { status: string; since?: string }, enough: number): Promise<Runs> {
  const list: Schemas["RunView"][] = [];
  let cursor: string | undefined;
  // A page may have few runs although there are more, if few of those that were searched match.
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await read(api.GET("/runs", { params: { query: { ...filter, limit: enough, cursor } } }));
    list.push(...answer.data);
    cursor = answer.next_cursor ?? undefined;
    if (cursor === undefined || list.length >= enough) break;
  }
  return { list, more: cursor !== undefined };
}

const LONGEST_WAIT_MS = 26 * 3_600_000;

/** Return the time after which all open runs were created: a run waits for at most 25 hours. */
export function openSince(): string {
  return new Date(Date.now() - LONGEST_WAIT_MS).toISOString();
}
