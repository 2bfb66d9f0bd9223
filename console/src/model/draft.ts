// An automation as the form edits it, and as the API takes it. What the form doesn't know stays in the automation.

import type { Schemas } from "../api/client";
import { newWhen, triggerOf, type When, whenOf } from "./draft_when";
import { isEqual, isObject, type JsonObject, objectOf, setField, textOf } from "./json";

export type ActionType = "whop.create_chat" | "whop.update_chat" | "kodey.create_chat" | "kodey.send_message";

export interface File {
  /** An id, or an address that begins with https:// or s3:// */
  readonly source: string;
  readonly filename: string;
  /** What a person sees beside the id of a file that was uploaded here: its name and its size. */
  readonly note?: string;
}

export interface Draft {
  readonly when: When;
  readonly type: ActionType;
  readonly message: string;
  readonly title: string;
  readonly notifications: string;
  readonly files: readonly File[];
  readonly awaitReply: boolean;
  readonly agent: string;
  readonly userId: string;
  readonly companyId: string;
  /** One target a line. */
  readonly targets: string;
  /** Also one chat that belongs to no company. */
  readonly withoutCompany: boolean;
  readonly missed: string;
  readonly overlap: string;
  readonly description: string;
  /** One label a line, such as "team=growth". */
  readonly labels: string;
  readonly budgetRuns: string;
  readonly budgetTokens: string;
  readonly budgetPer: string;
}

const ACTION_TYPES: readonly ActionType[] = [
  "whop.create_chat",
  "whop.update_chat",
  "kodey.create_chat",
  "kodey.send_message",
];

/** Return the draft of a new automation. */
export function newDraft(localZone: string): Draft {
  return { ...draftOf({}, localZone), when: newWhen(localZone) };
}

/** Return the draft of an automation. */
export function draftOf(body: JsonObject, localZone: string): Draft {
  const action = objectOf(body.action);
  const budget = objectOf(body.budget);
  const targets: unknown[] = Array.isArray(body.targets) ? body.targets : [];
  return {
    when: whenOf(objectOf(body.trigger), localZone),
    type: ACTION_TYPES.find((type) => type === action.type) ?? "whop.create_chat",
    message: textOf(action.type === "kodey.send_message" ? action.content : action.message_text),
    title: textOf(action.title),
    notifications: textOf(action.notification_preference),
    files: Array.isArray(action.attachments) ? action.attachments.map(fileOf) : [],
    awaitReply: action.await_reply === true,
    agent: textOf(action.agent_identifier),
    userId: textOf(action.user_id),
    companyId: textOf(action.company_id),
    targets: targets.filter((target) => typeof target === "string").join("\n"),
    withoutCompany: targets.includes(null),
    missed: textOf(body.missed) || "skip",
    overlap: textOf(body.overlap) || "allow",
    description: textOf(body.description),
    labels: Object.entries(objectOf(body.labels))
      .map(([key, value]) => `${key}=${value}`)
      .join("\n"),
    budgetRuns: digitsOf(budget.runs),
    budgetTokens: digitsOf(budget.tokens),
    budgetPer: textOf(budget.per) || "day",
  };
}

/** Return the automation of a draft. `before` is the automation that is edited. */
export function bodyOf(draft: Draft, before: JsonObject): JsonObject {
  const isWebhook = draft.when.kind === "webhook";
  const body: JsonObject = {
    ...before,
    trigger: triggerOf(draft.when, objectOf(before.trigger)),
    action: actionOf(draft, objectOf(before.action)),
    targets: hasSameTargets(draft, before) ? before.targets : targetsOf(draft),
  };
  setField(body, "missed", isWebhook ? "skip" : draft.missed, "skip");
  setField(body, "overlap", isWebhook ? "allow" : draft.overlap, "allow");
  setField(body, "description", draft.description || null);
  setField(body, "labels", labelsOf(draft.labels), isEqual(before.labels, null) ? null : {});
  setField(body, "budget", budgetOf(draft, objectOf(before.budget)));
  return body;
}

/** Return the targets of a draft, in their order. */
export function targetsOf(draft: Draft): (string | null)[] {
  const lines = draft.targets
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return draft.withoutCompany && draft.type === "whop.create_chat" ? [...lines, null] : lines;
}

/** Return whether a value may be sent as an automation. The API checks its fields. */
export function isBody(value: unknown): value is Schemas["AutomationBody"] {
  return isObject(value) && isObject(value.trigger) && isObject(value.action) && Array.isArray(value.targets);
}

function hasSameTargets(draft: Draft, before: JsonObject): boolean {
  const then = draftOf(before, draft.when.timezone);
  return (
    then.targets === draft.targets && then.withoutCompany === draft.withoutCompany && Array.isArray(before.targets)
  );
}

function actionOf(draft: Draft, before: JsonObject): JsonObject {
  const { type } = draft;
  const action: JsonObject = before.type === type ? { ...before, type } : { type };
  if (type === "kodey.send_message") {
    action.content = draft.message;
    return action;
  }
  if (type !== "whop.update_chat") action.message_text = draft.message;
  if (type === "kodey.create_chat") {
    setField(action, "user_id", draft.userId || null);
    return action;
  }
  setField(action, "title", draft.title || null);
  setField(action, "notification_preference", draft.notifications || null);
  if (type === "whop.update_chat") {
    setField(action, "company_id", draft.companyId || null);
    return action;
  }
  const files = draft.files.filter((file) => file.source.trim());
  setField(action, "attachments", files.length > 0 ? files.map(attachmentOf) : null);
  setField(action, "await_reply", draft.awaitReply, false);
  setField(action, "agent_identifier", draft.agent || null);
  return action;
}

function fileOf(attachment: unknown): File {
  const { url, s3, filename } = objectOf(attachment);
  return { source: textOf(attachment) || textOf(url) || textOf(s3), filename: textOf(filename) };
}

function attachmentOf({ source, filename }: File): unknown {
  const named = filename ? { filename } : {};
  if (source.startsWith("s3://")) return { s3: source, ...named };
  // Templates, too, are addresses: an id of a file can't be one.
  if (/^https?:|\{\{/.test(source)) return { url: source, ...named };
  return source;
}

function labelsOf(text: string): JsonObject {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    lines.map((line) => {
      const [key = "", ...value] = line.split("=");
      return [key.trim(), value.join("=").trim()];
    }),
  );
}

function budgetOf(draft: Draft, before: JsonObject): JsonObject | null {
  if (!draft.budgetRuns && !draft.budgetTokens) return null;
  const budget: JsonObject = { ...before, per: draft.budgetPer };
  setField(budget, "runs", numberOf(draft.budgetRuns));
  setField(budget, "tokens", numberOf(draft.budgetTokens));
  return budget;
}

// What isn't a number is sent as it is, so that the API says what is wrong with it.
function numberOf(text: string): number | string | null {
  return /^\d+$/.test(text) ? Number(text) : text || null;
}

function digitsOf(value: unknown): string {
  return typeof value === "number" || typeof value === "string" ? String(value) : "";
}
