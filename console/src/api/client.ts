// The only module that calls the HTTP API. Its types are made from the OpenAPI document (`make console`).

import createClient, { type Client } from "openapi-fetch";
import { begunAnswer } from "../starting";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];
export type Api = Client<paths>;

/** An answer of the API that is an error, with its problem details. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | null,
  ) {
    super(problem?.detail || problem?.title || `The API answered with the status ${status}.`);
  }

  /** The problem of a field, such as "trigger.expression". */
  of(field: string): string | null {
    return this.problem?.errors?.find((each) => each.field === field)?.message ?? null;
  }
}

/** Return the problem of a field that an error names; null if it names none. */
export function problemAt(error: Error | null, field: string): string | null {
  return error instanceof ApiError ? error.of(field) : null;
}

/** A call that got no answer. The API may have performed it. */
class NoAnswerError extends Error {}

/** Return whether a call that failed may have been performed. A paused stack says so before it does anything. */
export function isUncertain(error: Error | null): boolean {
  if (!(error instanceof ApiError)) return error instanceof NoAnswerError;
  return error.status >= 500 && !error.problem?.type?.endsWith("stack-paused");
}

const PATIENCE_MS = 30_000;
const READ_ATTEMPTS = 3;

export interface Credentials {
  /** Return the current token. */
  token(): string;
  /** Wait for another token, because the API rejects the current one. Return whether there is one. */
  renewed(reason: string): Promise<boolean>;
}

/** Return a client that sends the current token. */
export function createApi(credentials: Credentials): Api {
  return createClient<paths>({
    baseUrl: window.location.origin,
    fetch: (request: Request) => authorized(request, credentials),
  });
}

// A call whose token was rejected was not performed. A read is sent again with the next token. A write is not: the person
// who signs in sees that it failed, and decides.
async function authorized(request: Request, credentials: Credentials): Promise<Response> {
  const isRead = request.method === "GET";
  for (;;) {
    const token = credentials.token();
    const sent = request.clone();
    sent.headers.set("Authorization", `Bearer ${token}`);
    const response = (await begunAnswer(sent)) ?? (await send(sent));
    if (response.status !== 401) return response;
    if (credentials.token() !== token) {
      // The person has signed in again meanwhile.
      if (isRead) continue;
      return response;
    }
    const reason = (await problemOf(response.clone()))?.detail ?? "The token isn't valid.";
    const renewed = credentials.renewed(reason);
    if (!isRead || !(await renewed)) return response;
  }
}

/** Return the data of an answer, with its headers. Raise ApiError for a problem. */
export async function take<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<{ data: T; headers: Headers; status: number }> {
  const { data, error, response } = await call;
  if (!response.ok) throw new ApiError(response.status, isProblem(error) ? error : null);
  return { data: data as T, headers: response.headers, status: response.status };
}

/** Return only the data of an answer. */
export async function read<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  return (await take(call)).data;
}

/** Return a new key for the header Idempotency-Key. Send the same key when you retry a call. */
export function newKey(): string {
  return crypto.randomUUID();
}

// A read is repeated if there is no answer or the API is busy. A write is repeated only by the person, who then sees
// what happened.
async function send(request: Request): Promise<Response> {
  const attempts = request.method === "GET" ? READ_ATTEMPTS : 1;
  for (let attempt = 1; ; attempt++) {
    const last = attempt >= attempts;
    try {
      const response = await fetch(request.clone(), { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
      if (last || ![429, 502, 503, 504].includes(response.status)) return response;
    } catch {
      if (last) throw new NoAnswerError(navigator.onLine ? "The API doesn't answer." : "You are offline.");
    }
    await pause(300 * 2 ** attempt * (0.5 + Math.random()));
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

async function problemOf(response: Response): Promise<Problem | null> {
  try {
    const body: unknown = await response.json();
    return isProblem(body) ? body : null;
  } catch {
    return null;
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "title" in value && "status" in value;
}
