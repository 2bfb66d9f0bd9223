// The pause of the whole stack. It is read once for all pages, because a banner shows it on each of them.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useMemo, useRef } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { useSession } from "../session";

type StackState = Schemas["StackState"];
export type ShownPause = Schemas["ShownPause"];

interface StackPause {
  /** Undefined until it was read, and if the client may not read it. */
  readonly stack: StackState | undefined;
  readonly error: Error | null;
  reload(): Promise<void>;
  /** Show the state that the API answered with to a change. */
  show(state: StackState): void;
}

const Context = createContext<StackPause>({
  stack: undefined,
  error: null,
  reload: () => Promise.resolve(),
  show: () => {},
});
const EVERY_MS = 30_000;

/** Provides the pause of the stack to the banner and to the pages. */
export function StackPauseProvider({ children }: { children: ComponentChildren }) {
  const { api, can } = useSession();
  const answered = useRef<StackState | null>(null);
  const load = async () => {
    const state = answered.current ?? (await read(api.GET("/pause")));
    answered.current = null;
    return state;
  };
  const { data: stack, error, reload } = useQuery(can("get_stack_pause") ? "pause" : null, load, EVERY_MS);
  const show = useCallback(
    (state: StackState) => {
      answered.current = state;
      void reload();
    },
    [reload],
  );
  const value = useMemo(() => ({ stack, error, reload, show }), [stack, error, reload, show]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useStackPause(): StackPause {
  return useContext(Context);
}
