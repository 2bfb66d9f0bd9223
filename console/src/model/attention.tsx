// What needs a person. It is read once for all pages, because the menu shows how much there is.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { type Query, useQuery } from "../hooks";
import { type OperationId, useSession } from "../session";
import { firstRuns, type Runs } from "./first_runs";

/** The sources, each of which may fail alone. The data of a source that the client may not read stays undefined. */
export interface Sources {
  readonly runs: Query<Runs>;
  readonly connections: Query<Schemas["Connections"]>;
  readonly subscriptions: Query<Schemas["Subscriptions"]>;
  readonly budgets: Query<Schemas["BudgetPage"]>;
}

const MOST_RUNS = 100;
const Context = createContext<Sources | null>(null);

/** Provides what needs a person, read again every so many milliseconds. */
export function AttentionProvider({ every, children }: { every: number; children: ComponentChildren }) {
  const { api, can } = useSession();
  const key = (name: string, operation: OperationId) => (can(operation) ? name : null);
  const runs = useQuery(
    key("runs", "list_runs"),
    () => firstRuns(api, { status: "unknown,failed,missed" }, MOST_RUNS),
    every,
  );
  const connections = useQuery(key("connections", "list_connections"), () => read(api.GET("/connections")), every);
  const subscriptions = useQuery(
    key("subscriptions", "list_subscriptions"),
    () => read(api.GET("/subscriptions")),
    every,
  );
  const budgets = useQuery(key("budgets", "list_budgets"), () => read(api.GET("/budgets")), every);
  return <Context.Provider value={{ runs, connections, subscriptions, budgets }}>{children}</Context.Provider>;
}

export function useSources(): Sources {
  const sources = useContext(Context);
  if (sources === null) throw new Error("useSources needs an AttentionProvider");
  return sources;
}
