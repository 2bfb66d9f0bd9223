// A list that is read again and again, but doesn't move while a person points at it.

import { useRef, useState } from "preact/hooks";

interface Held<T> {
  readonly rows: readonly T[];
  /** The number of new rows that wait at the top. */
  readonly waiting: number;
  /** Show the rows that wait. */
  show(): void;
  /** Handlers for the element around the list. */
  readonly handlers: {
    onMouseEnter(): void;
    onMouseLeave(): void;
    onFocusIn(): void;
    onFocusOut(): void;
  };
}

/**
 * Return the rows of a live list. While the pointer or the focus is in it, or rows are selected, each row stays in its
 * place and is only updated. New rows wait until the person wants to see them.
 */
export function useHeld<T>(key: string, fresh: readonly T[], id: (row: T) => string, selecting: boolean): Held<T> {
  const [pointed, setPointed] = useState(false);
  const [focused, setFocused] = useState(false);
  const [, setShown] = useState(0);
  const shown = useRef<{ key: string; rows: readonly T[] }>({ key, rows: [] });
  const byId = new Map(fresh.map((row) => [id(row), row]));
  const before = shown.current.key === key ? shown.current.rows : [];
  const isHeld = before.length > 0 && (pointed || focused || selecting);
  const rows = isHeld ? kept(before, byId, id) : [...byId.values()];
  shown.current = { key, rows };
  const present = new Set(rows.map(id));
  return {
    rows,
    waiting: [...byId.keys()].filter((each) => !present.has(each)).length,
    show() {
      shown.current = { key, rows: [] };
      setShown((count) => count + 1);
    },
    handlers: {
      onMouseEnter: () => setPointed(true),
      onMouseLeave: () => setPointed(false),
      onFocusIn: () => setFocused(true),
      onFocusOut: () => setFocused(false),
    },
  };
}

// Rows after the last one that was there come from "Show more", so they are added.
function kept<T>(before: readonly T[], fresh: ReadonlyMap<string, T>, id: (row: T) => string): T[] {
  const order = [...fresh.keys()];
  const known = new Set(before.map(id));
  const end = order.findLastIndex((each) => known.has(each));
  const added = end < 0 ? [] : order.slice(end + 1).flatMap((each) => fresh.get(each) ?? []);
  return [...before.map((row) => fresh.get(id(row)) ?? row), ...added];
}
