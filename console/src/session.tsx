// Who is signed in. The token is kept in memory, or for as long as the tab is open if the person wants that.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useState } from "preact/hooks";
import { type Api, createApi, read, type Schemas } from "./api/client";
import type { operations } from "./api/schema";
import { SignIn } from "./pages/sign_in";
import { Loading } from "./ui/state";

type Me = Schemas["Me"];
export type OperationId = keyof operations;

export interface Session {
  readonly api: Api;
  readonly me: Me;
  /** Return whether the signed-in client may use all of these operations. Offer nothing else. */
  can(...operations: OperationId[]): boolean;
  signOut(): void;
}

interface SignedIn {
  readonly api: Api;
  readonly me: Me;
}

const KEPT = "aichats.token";
const Context = createContext<Session | null>(null);

/** Shows its children to a person who is signed in, and otherwise the form to sign in. */
export function SessionProvider({ children }: { children: ComponentChildren }) {
  const [session, setSession] = useState<SignedIn | null>(null);
  const [reason, setReason] = useState<string | null>(null);
  const [starting, setStarting] = useState(true);

  const signOut = useCallback((why: string | null) => {
    sessionStorage.removeItem(KEPT);
    setReason(why);
    setSession(null);
  }, []);
  const signIn = useCallback(
    async (token: string, keep: boolean) => {
      const api = createApi(token, signOut);
      const me = await read(api.GET("/me"));
      if (keep) sessionStorage.setItem(KEPT, token);
      setReason(null);
      setSession({ api, me });
    },
    [signOut],
  );
  useEffect(() => {
    startingToken()
      .then((token) => (token === null ? undefined : signIn(token, false)))
      .catch((error: unknown) => setReason(error instanceof Error ? error.message : String(error)))
      .finally(() => setStarting(false));
  }, [signIn]);

  const value = useMemo<Session | null>(() => {
    if (session === null) return null;
    const open = new Set<string>(session.me.operations);
    const can = (...operations: OperationId[]) => operations.every((each) => open.has(each));
    return { ...session, can, signOut: () => signOut(null) };
  }, [session, signOut]);
  if (starting) return <Loading what="the stack" />;
  if (value === null) return <SignIn reason={reason} onSignIn={signIn} />;
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error("useSession needs a SessionProvider");
  return session;
}

/** Return the token that this tab keeps, or the one of a stack on this machine; null if there is none. */
async function startingToken(): Promise<string | null> {
  const kept = sessionStorage.getItem(KEPT);
  if (kept !== null || !isThisMachine(window.location.hostname)) return kept;
  const response = await fetch("/_local").catch(() => null);
  if (!response?.ok) return null;
  const about: unknown = await response.json().catch(() => null);
  return typeof about === "object" && about !== null && "token" in about ? String(about.token) : null;
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}
