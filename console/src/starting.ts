// What both scripts of the page know about its start.

declare global {
  interface Window {
    /** What the first script has begun; undefined as soon as it is used. */
    begun?: Begun | undefined;
  }
}

interface Begun {
  readonly token: Promise<string | null>;
  /** The answer to GET /me; null without a token or a usable answer. */
  readonly me: Promise<Response | null>;
}

/** The place of the token in the storage of this tab. */
export const KEPT = "aichats.token";

/** Return the token that this tab keeps, or the one of a stack on this machine; null if there is none. */
export async function startingToken(): Promise<string | null> {
  const kept = sessionStorage.getItem(KEPT);
  if (kept !== null || !isThisMachine(window.location.hostname)) return kept;
  const response = await fetch("/_local").catch(() => null);
  if (!response?.ok) return null;
  const about: unknown = await response.json().catch(() => null);
  return typeof about === "object" && about !== null && "token" in about ? String(about.token) : null;
}

/** Return the answer to GET /me that the first script has asked for; null for any other request, and the second time. */
export async function begunAnswer(request: Request): Promise<Response | null> {
  if (request.method !== "GET" || !request.url.endsWith("/me") || window.begun === undefined) return null;
  const { me } = window.begun;
  window.begun = undefined;
  return me;
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}
