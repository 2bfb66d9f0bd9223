// The URL is the state of the page: its path names the page, its query has the filters. Links work without this module,
// too, because the API serves the console at each path below /console.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";

const BASE = "/console";

interface Location {
  /** The path below the base, without a slash at its end: "" for the first page, "/runs/run_1" for a run. */
  readonly path: string;
  readonly query: URLSearchParams;
}

interface Navigation {
  readonly location: Location;
  go(path: string, options?: { replace?: boolean }): void;
}

/** Gets a function that leaves the page, and calls it if the person agrees. */
type Ask = (leave: () => void) => void;

const Context = createContext<Navigation>({ location: { path: "", query: new URLSearchParams() }, go: () => {} });
const Leaving = createContext<{ current: Ask | null }>({ current: null });

function current(): Location {
  const path = window.location.pathname.slice(BASE.length).replace(/\/+$/, "");
  return { path, query: new URLSearchParams(window.location.search) };
}

/** Provides the location, and follows the browser's buttons for back and forward. */
export function Router({ children }: { children: ComponentChildren }) {
  const [location, setLocation] = useState(current);
  const asking = useRef<Ask | null>(null);
  const shown = useRef(window.location.href);
  const go = useCallback((path: string, options: { replace?: boolean } = {}) => {
    const leave = () => {
      history[options.replace ? "replaceState" : "pushState"](null, "", BASE + path);
      shown.current = window.location.href;
      setLocation(current());
      if (!options.replace) window.scrollTo(0, 0);
    };
    const isSamePage = path.split("?")[0] === current().path;
    if (asking.current && !isSamePage) asking.current(leave);
    else leave();
  }, []);
  useEffect(() => {
    const follow = () => {
      const { pathname, search } = window.location;
      if (asking.current && pathname !== new URL(shown.current).pathname) {
        // The browser has left already: return, and ask.
        history.pushState(null, "", shown.current);
        go(pathname.slice(BASE.length) + search);
      } else {
        shown.current = window.location.href;
        setLocation(current());
      }
    };
    window.addEventListener("popstate", follow);
    return () => window.removeEventListener("popstate", follow);
  }, [go]);
  const navigation = useMemo(() => ({ location, go }), [location, go]);
  return (
    <Leaving.Provider value={asking}>
      <Context.Provider value={navigation}>{children}</Context.Provider>
    </Leaving.Provider>
  );
}

/**
 * Ask before the person leaves the page, while there is something to ask. The browser asks before it closes the tab.
 *
 * The result ends the asking at once, such as after saving.
 */
export function useLeaving(ask: Ask | null): () => void {
  const asking = useContext(Leaving);
  const isAsking = ask !== null;
  asking.current = ask;
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (asking.current) event.preventDefault();
    };
    if (isAsking) window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [asking, isAsking]);
  useEffect(
    () => () => {
      asking.current = null;
    },
    [asking],
  );
  return useCallback(() => {
    asking.current = null;
  }, [asking]);
}

export function useNavigation(): Navigation {
  return useContext(Context);
}

/** Return the parameters of the query, and a function that changes some of them. An empty value removes a parameter. */
export function useQueryParameters(): [URLSearchParams, (changes: Record<string, string | null>) => void] {
  const { location, go } = useNavigation();
  const change = useCallback(
    (changes: Record<string, string | null>) => {
      const query = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value) query.set(name, value);
        else query.delete(name);
      }
      const text = query.toString();
      go(current().path + (text ? `?${text}` : ""), { replace: true });
    },
    [go],
  );
  return [location.query, change];
}

interface LinkProperties {
  to: string;
  class?: string;
  "aria-current"?: "page" | undefined;
  "aria-label"?: string;
  children: ComponentChildren;
}

/** A link to a path below the base. It opens in place, unless the person asks for a new tab. */
export function Link({ to, ...rest }: LinkProperties) {
  const { go } = useNavigation();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return <a {...rest} href={BASE + to} onClick={follow} />;
}

/** Return the parts of a path that match a pattern such as "/automations/:name/edit"; null if it doesn't match. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const parameters: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (part.startsWith(":")) parameters[part.slice(1)] = decode(value);
    else if (part !== value) return null;
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
