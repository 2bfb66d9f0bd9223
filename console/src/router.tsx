// The URL is the state of the page: its path names the page, its query has the filters. Links work without this module,
// too, because the API serves the console at each path below /console.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useState } from "preact/hooks";

export const BASE = "/console";

export interface Location {
  /** The path below the base, without a slash at its end: "" for the first page, "/runs/run_1" for a run. */
  readonly path: string;
  readonly query: URLSearchParams;
}

interface Navigation {
  readonly location: Location;
  go(path: string, options?: { replace?: boolean }): void;
}

const Context = createContext<Navigation>({ location: { path: "", query: new URLSearchParams() }, go: () => {} });

function current(): Location {
  const path = window.location.pathname.slice(BASE.length).replace(/\/+$/, "");
  return { path, query: new URLSearchParams(window.location.search) };
}

/** Provides the location, and follows the browser's buttons for back and forward. */
export function Router({ children }: { children: ComponentChildren }) {
  const [location, setLocation] = useState(current);
  useEffect(() => {
    const follow = () => setLocation(current());
    window.addEventListener("popstate", follow);
    return () => window.removeEventListener("popstate", follow);
  }, []);
  const go = useCallback((path: string, options: { replace?: boolean } = {}) => {
    history[options.replace ? "replaceState" : "pushState"](null, "", BASE + path);
    setLocation(current());
    if (!options.replace) window.scrollTo(0, 0);
  }, []);
  const navigation = useMemo(() => ({ location, go }), [location, go]);
  return <Context.Provider value={navigation}>{children}</Context.Provider>;
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
