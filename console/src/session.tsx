// Who is signed in. The token is kept in memory, or for as long as the tab is open if the person wants that.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Api, ApiError, createApi, read, type Schemas } from "./api/client";
import type { operations } from "./api/schema";
import { asError } from "./hooks";
import { NoAnswer, SignIn, SignInAgain } from "./pages/sign_in";
import { KEPT, startingToken } from "./starting";
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
  /** True if this tab keeps the token. */
  readonly keep: boolean;
}

/** Before the start, a kept token is read. `failed`: the API did not answer, so the token may still be valid. */
type Start = { state: "starting" } | { state: "started" } | { state: "failed"; error: Error };

const Context = createContext<Session | null>(null);

/**
 * Shows its children to a person who is signed in, and otherwise the form to sign in.
 *
 * If a token ends while the person works, the form is shown over the children, which keep what was typed.
 */
export function SessionProvider({ children }: { children: ComponentChildren }) {
  const [session, setSession] = useState<SignedIn | null>(null);
  const [start, setStart] = useState<Start>({ state: "starting" });
  /** Why the API rejected the token: of the session if there is one. */
  const [rejection, setRejection] = useState<string | null>(null);
  const { signIn, signOut } = useToken(session, setSession, setRejection);

  const begin = useCallback(async () => {
    setStart({ state: "starting" });
    try {
      const token = await (window.begun?.token ?? startingToken());
      if (token !== null) await signIn(token, sessionStorage.getItem(KEPT) !== null);
      setStart({ state: "started" });
    } catch (error) {
      const isRejected = error instanceof ApiError && error.status === 401;
      if (isRejected) sessionStorage.removeItem(KEPT);
      setRejection(isRejected ? error.message : null);
      setStart(isRejected ? { state: "started" } : { state: "failed", error: asError(error) });
    }
  }, [signIn]);
  useEffect(() => void begin(), [begin]);

  const leave = useCallback(() => {
    signOut();
    setStart({ state: "started" });
  }, [signOut]);
  const value = useMemo<Session | null>(() => {
    if (session === null) return null;
    const open = new Set<string>(session.me.operations);
    const can = (...operations: OperationId[]) => operations.every((each) => open.has(each));
    return { api: session.api, me: session.me, can, signOut };
  }, [session, signOut]);
  if (start.state === "starting") return <Loading what="the stack" />;
  if (start.state === "failed") return <NoAnswer error={start.error} onRetry={begin} onSignOut={leave} />;
  if (session === null || value === null) return <SignIn reason={rejection} onSignIn={signIn} />;
  return (
    <Context.Provider value={value}>
      {children}
      {rejection !== null && (
        <SignInAgain
          name={session.me.name}
          keep={session.keep}
          reason={rejection}
          onSignIn={signIn}
          onSignOut={signOut}
        />
      )}
    </Context.Provider>
  );
}

/** Return functions that sign in and out. Reads whose token is rejected wait for the next one. */
function useToken(
  session: SignedIn | null,
  setSession: (session: SignedIn | null) => void,
  setRejection: (reason: string | null) => void,
) {
  const token = useRef("");
  const waiting = useRef<((hasToken: boolean) => void)[]>([]);
  const current = useRef(session);
  current.current = session;
  const wake = useCallback((hasToken: boolean) => {
    for (const each of waiting.current.splice(0)) each(hasToken);
  }, []);
  const signIn = useCallback(
    async (text: string, keep: boolean) => {
      const me = await read(createApi({ token: () => text, renewed: async () => false }).GET("/me"));
      token.current = text;
      if (keep) sessionStorage.setItem(KEPT, text);
      else sessionStorage.removeItem(KEPT);
      const renewed = async (reason: string) => {
        // The person has signed out, and a reading of several pages went on.
        if (token.current === "") return false;
        sessionStorage.removeItem(KEPT);
        setRejection(reason);
        return new Promise<boolean>((done) => waiting.current.push(done));
      };
      // The pages keep their client, so that a new token is no reason for them to begin again.
      const api = current.current?.api ?? createApi({ token: () => token.current, renewed });
      setRejection(null);
      setSession({ api, me, keep });
      wake(true);
    },
    [setSession, setRejection, wake],
  );
  const signOut = useCallback(() => {
    token.current = "";
    sessionStorage.removeItem(KEPT);
    setRejection(null);
    setSession(null);
    wake(false);
  }, [setSession, setRejection, wake]);
  return { signIn, signOut };
}

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error("useSession needs a SessionProvider");
  return session;
}
