// The first script of the page, which is part of the HTML. While the browser still loads the other script, it asks for
// the token of a stack on this machine, and for what the signed-in client may use: two answers less to wait for.

import { startingToken } from "./starting";

const PATIENCE_MS = 10_000;

const token = startingToken();
const ask = (found: string) =>
  fetch("/me", {
    headers: { Authorization: `Bearer ${found}` },
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
const me = token.then((found) => (found === null ? null : ask(found)));
// If there is no answer or the API is busy, the other script asks again.
const answer = me.then((found) => (found !== null && found.status < 429 ? found : null)).catch(() => null);
window.begun = { token, me: answer };
