// What a person can do about a run, in the words of `aichats runs explain`.

import type { Schemas } from "../api/client";

type Run = Schemas["RunView"];

const PROVIDER_DOWN = "Replay the run when {provider} works again.";
const REFILL = "then replay the run: aichats fills in the fixed text.";

/** The advice for each type of error, as in the page "By error" of the documentation. */
const ADVICE: Record<string, string> = {
  AuthenticationError:
    "Store a valid key (aichats admin secret set {name}), or connect the account again (aichats admin connect). Then replay the run.",
  PermissionDeniedError:
    "Connect a Whop account that has the scope (aichats admin connect), or store a key that has it (aichats admin secret set {name}). Then replay the run.",
  NotFoundError:
    "Check the target: {target} doesn't exist, or the key may not see it. Fix the automation, or store the key of the company. Then replay the run.",
  BadRequestError: "Fix the field that the message names, in the automation. Its next run uses the fix.",
  UnprocessableEntityError:
    "Fix what the message names: a field of the automation, or the account at {provider}. Then replay the run.",
  ConflictError: "The state of the chat doesn't allow the change. Fix the cause, then replay the run.",
  GoneError:
    "{provider} retired this version of its API. Deploy the stack with a newer WhopApiVersion, then replay the run.",
  RateLimitError: "{provider} limited the stack for 24 hours. Spread the load over the day, then replay the run.",
  InternalServerError: PROVIDER_DOWN,
  APIConnectionError: PROVIDER_DOWN,
  APITimeoutError: PROVIDER_DOWN,
  OutcomeUnknownError:
    "Look for the chat at {provider}. Then record what you found, or replay the run: aichats looks for the chat before it creates one.",
  ProtocolError:
    "{provider} answered in a form that this version of aichats can't read. Check the chat, and upgrade aichats.",
  AttachmentError:
    "Fix the file that the message names, then replay the run. If the automation names the wrong file, fix the automation: its next run uses the fix.",
  SecretError: "Store the secret that the message names (aichats admin secret set {name}), then replay the run.",
  SecretUnavailableError: "Check the connection to {provider} (aichats admin doctor), then replay the run.",
  RenderError: `Fix the text of the automation, ${REFILL}`,
  InputError: `The filled-in text or value isn't valid. Fix the automation, ${REFILL}`,
  SupersededError: "A newer run changed the same chat, so you don't need to do anything.",
  Missed: "Replay the run if you still want it. If slots are missed again, check the stack: aichats admin doctor.",
  Skipped: "Replay the run if you want it after all.",
  Cancelled: "A cancelled run is final. To do its work after all, run the automation now.",
  GivenUp: "Find the cause in the log (aichats logs --run {run_id}), then replay the run.",
  Resolved: "A person recorded that the chat doesn't exist. Replay the run to try again.",
  NotYetError: "The run waited for 24 hours in vain. Fix what the message names, then replay the run.",
  APIStatusError: "{provider} rejects the call. Fix what the message names, then replay the run.",
  AichatsError: "Fix the cause that the message names, then replay the run.",
};
const UNKNOWN_TYPE = "Read the message. If it names a cause, fix it, then replay the run.";
const BY_STATUS: Partial<Record<Run["status"], string>> = {
  missed: "Missed",
  skipped: "Skipped",
  cancelled: "Cancelled",
  unknown: "OutcomeUnknownError",
};

/** Return what a person can do about a run, in a sentence or two; null if there is nothing to do. */
export function adviceFor(run: Run): string | null {
  if (["succeeded", "pending", "performing"].includes(run.status)) return null;
  if (run.error?.replaced_by?.length) return "Other runs replaced this run, so you don't need to do anything with it.";
  const text = ADVICE[BY_STATUS[run.status] ?? run.error?.type ?? ""] ?? UNKNOWN_TYPE;
  const values: Record<string, string> = {
    name: run.action.split(".")[0] ?? "",
    provider: providerOf(run),
    target: run.target ?? "the target",
    run_id: run.run_id,
  };
  return text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}

/** Return the name of a run's provider, such as "Whop". */
export function providerOf(run: Run): string {
  const name = run.action.split(".")[0] ?? "";
  return name.charAt(0).toUpperCase() + name.slice(1);
}
