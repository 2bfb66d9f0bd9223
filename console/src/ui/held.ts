// A list that is read again and again, but doesn't move while a person uses it.

import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";

interface Held<T> {
  readonly rows: readonly T[];
  /** The number of new rows that wait. */
  readonly waiting: number;
  /** Show the rows that wait. */
  show(): void;
}

/**
 * Return the rows of a live list. While the pointer or the focus is in its element, or rows are selected, each row stays
 * in its place and is only updated. New rows wait until the person wants to see them, or has left.
 */
export function useHeld<T>(
  key: string,
  fresh: readonly T[],
  id: (row: T) => string,
  element: RefObject<HTMLElement | null>,
  selecting: boolean,
): Held<T> {
  const [, redraw] = useState(0);
  const shown = useRef<{ key: string; rows: readonly T[] }>({ key, rows: [] });
  const byId = new Map(fresh.map((row) => [id(row), row]));
  const before = shown.current.key === key ? shown.current.rows : [];
  const isHeld = before.length > 0 && (selecting || isUsed(element.current));
  const rows = isHeld ? kept(before, byId, id) : [...byId.values()];
  shown.current = { key, rows };
  const present = new Set(rows.map(id));
  return {
    rows,
    waiting: [...byId.keys()].filter((each) => !present.has(each)).length,
    show() {
      shown.current = { key, rows: [] };
      redraw((count) => count + 1);
    },
  };
}

function isUsed(element: HTMLElement | null): boolean {
  return element !== null && (element.matches(":hover") || element.contains(document.activeElement));
}

// Rows after the last one that was there come from "Show more", so they are added.
function kept<T>(before: readonly T[], fresh: ReadonlyMap<string, T>, id: (row: T) => string): T[] {
  const order = [...fresh.keys()];
  const known = new Set(before.map(id));
  const end = order.findLastIndex((each) => known.has(each));
  const added = end < 0 ? [] : order.slice(end + 1).flatMap((each) => fresh.get(each) ?? []);
  return [...before.map((row) => fresh.get(id(row)) ?? row), ...added];
}
