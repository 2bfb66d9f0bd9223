// Reading from the API and acting on it. What was read stays visible while it is read again, and after a failure.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Query<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  /** True until the first answer or error. */
  readonly loading: boolean;
  /** When the data was read. */
  readonly readAt: number | null;
  reload(): Promise<void>;
}

interface Reading<T> {
  readonly key: string | null;
  readonly data?: T;
  readonly error: Error | null;
  readonly readAt?: number;
}

/**
 * Read something, and read it again every so many milliseconds while the page is visible.
 *
 * @param key names what is read. If it changes, what was read before is forgotten. Null: read nothing.
 */
export function useQuery<T>(key: string | null, load: () => Promise<T>, every?: number): Query<T> {
  const [state, setState] = useState<Reading<T>>({ key: null, error: null });
  const loader = useRef(load);
  loader.current = load;
  const newest = useRef(0);
  const reload = useCallback(async () => {
    const number = ++newest.current;
    try {
      const data = await loader.current();
      if (number === newest.current) setState({ key, data, error: null, readAt: Date.now() });
    } catch (error) {
      if (number === newest.current)
        setState((before) => ({ ...(before.key === key ? before : {}), key, error: asError(error) }));
    }
  }, [key]);
  useRepeated(key === null ? null : reload, every);
  useEffect(
    () => () => {
      newest.current++;
    },
    [key],
  );
  const isCurrent = state.key === key;
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : null,
    loading: key !== null && !isCurrent,
    readAt: (isCurrent && state.readAt) || null,
    reload,
  };
}

export interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor?: string | null;
}

export interface Pages<T> extends Query<readonly T[]> {
  /** True if there is at least one more page. */
  readonly more: boolean;
  readonly loadingMore: boolean;
  loadMore(): Promise<void>;
}

const REFRESHED_PAGES = 3;

/**
 * Read a list page by page, and read it again every so many milliseconds while the page is visible.
 *
 * Later pages are read again only if the list moved: otherwise rows between two pages would be missing.
 */
export function usePages<T>(
  key: string | null,
  load: (cursor: string | null) => Promise<Page<T>>,
  every?: number,
): Pages<T> {
  const [pages, setPages] = useState<{ key: string | null; list: readonly Page<T>[] }>({ key: null, list: [] });
  const [loadingMore, setLoadingMore] = useState(false);
  const [moreError, setMoreError] = useState<Error | null>(null);
  const current = pages.key === key ? pages.list : [];
  const kept = useRef(current);
  kept.current = current;
  const newest = useRef(0);
  const first = useQuery(
    key,
    async () => {
      const number = ++newest.current;
      const list: Page<T>[] = [];
      do {
        list.push(await load(list.at(-1)?.next_cursor ?? null));
      } while (isStale(list, kept.current));
      // Another reading, perhaps with another key, has begun since.
      if (number !== newest.current) return;
      const rest = list.at(-1)?.next_cursor ? kept.current.slice(list.length) : [];
      setPages({ key, list: [...list, ...rest] });
      setMoreError(null);
    },
    every,
  );
  const cursor = current.at(-1)?.next_cursor ?? null;
  const loadMore = async () => {
    if (cursor === null || loadingMore) return;
    setLoadingMore(true);
    try {
      const page = await load(cursor);
      setPages((before) => (before.key === key ? { key, list: [...before.list, page] } : before));
      setMoreError(null);
    } catch (error) {
      setMoreError(asError(error));
    } finally {
      setLoadingMore(false);
    }
  };
  const data = current.length > 0 ? current.flatMap((page) => page.data) : undefined;
  return { ...first, data, error: first.error ?? moreError, more: cursor !== null, loadingMore, loadMore };
}

// The page after those that were read again is one of the first, or begins elsewhere than before.
function isStale<T>(list: readonly Page<T>[], before: readonly Page<T>[]): boolean {
  const cursor = list.at(-1)?.next_cursor;
  if (!cursor || list.length >= before.length) return false;
  return list.length < REFRESHED_PAGES || cursor !== before[list.length - 1]?.next_cursor;
}

export interface Action<A extends unknown[], R> {
  readonly pending: boolean;
  readonly error: Error | null;
  /** Perform the action, unless it is being performed. Return undefined if it failed; then `error` says why. */
  run(...args: A): Promise<R | undefined>;
  reset(): void;
}

/** Return an action that a person starts, such as saving, with its state. */
export function useAction<A extends unknown[], R>(perform: (...args: A) => Promise<R>): Action<A, R> {
  const [state, setState] = useState<{ pending: boolean; error: Error | null }>({ pending: false, error: null });
  const running = useRef(false);
  const run = async (...args: A): Promise<R | undefined> => {
    if (running.current) return undefined;
    running.current = true;
    setState({ pending: true, error: null });
    try {
      const result = await perform(...args);
      setState({ pending: false, error: null });
      return result;
    } catch (error) {
      setState({ pending: false, error: asError(error) });
      return undefined;
    } finally {
      running.current = false;
    }
  };
  return { ...state, run, reset: () => setState({ pending: false, error: null }) };
}

/** Return whether the browser has a network. */
export function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const update = () => setOnline(navigator.onLine);
    window.addEventListener("online", update);
    window.addEventListener("offline", update);
    return () => {
      window.removeEventListener("online", update);
      window.removeEventListener("offline", update);
    };
  }, []);
  return online;
}

/** Return whether the browser's window matches a media query, such as "(max-width: 760px)". */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const list = window.matchMedia(query);
    const update = () => setMatches(list.matches);
    update();
    list.addEventListener("change", update);
    return () => list.removeEventListener("change", update);
  }, [query]);
  return matches;
}

/** Return the current time, which is read again every so many milliseconds. */
export function useNow(every = 1000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Return a value as it was when it had not changed for so many milliseconds. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

function useRepeated(reload: (() => Promise<void>) | null, every?: number): void {
  useEffect(() => {
    if (reload === null) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const turn = async () => {
      clearTimeout(timer);
      await reload();
      // Two turns may have waited for their answers at the same time.
      clearTimeout(timer);
      if (!ended && every) timer = setTimeout(() => document.hidden || turn(), every);
    };
    const wake = () => {
      if (every && !document.hidden) void turn();
    };
    void turn();
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("online", wake);
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
      window.removeEventListener("online", wake);
    };
  }, [reload, every]);
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
