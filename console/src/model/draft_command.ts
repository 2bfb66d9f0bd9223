// The commands of the terminal that create or change what the form has.

import { isObject, type JsonObject, objectOf, textOf } from "./json";

/** A word of a command, as a shell reads it. */
type Quote = (word: string) => string;

const FIELDS: Record<string, readonly string[]> = {
  body: ["trigger", "action", "targets", "missed", "description", "labels", "budget"],
  trigger: ["type", "expression", "timezone", "events", "filter"],
  "whop.create_chat": ["type", "message_text", "title", "notification_preference", "attachments", "await_reply"],
  "kodey.create_chat": ["type", "message_text", "user_id"],
};

/**
 * Return the command that creates an automation. `aichats auto create` has no option for some fields: then it is a
 * file, and the command that applies it.
 */
export function createCommand(name: string, body: JsonObject, quote: Quote): string {
  return hasOptions(body) ? autoCreate(name, body, quote) : applyCommand(name, body);
}

/** Return the commands that write an automation to a file, and apply the folder of the file. */
export function applyCommand(name: string, body: JsonObject): string {
  const file = `automations/${name}.json`;
  return `cat > ${file} <<'END'\n${JSON.stringify(body, null, 2)}\nEND\naichats apply automations`;
}

function hasOptions(body: JsonObject): boolean {
  const [trigger, action, budget] = [objectOf(body.trigger), objectOf(body.action), objectOf(body.budget)];
  const targets = Array.isArray(body.targets) ? body.targets : [];
  const files = Array.isArray(action.attachments) ? action.attachments : [];
  return (
    hasOnly(body, FIELDS.body) &&
    hasOnly(trigger, FIELDS.trigger) &&
    hasOnly(action, FIELDS[textOf(action.type)]) &&
    action.notification_preference !== "all" &&
    !(budget.runs && budget.tokens) &&
    targets.every((target) => typeof target === "string" && !target.includes(",")) &&
    files.every((file) => typeof file === "string" || !("filename" in objectOf(file)))
  );
}

function hasOnly(object: JsonObject, names: readonly string[] | undefined): boolean {
  return Object.entries(object).every(([name, value]) => value === null || names?.includes(name));
}

function autoCreate(name: string, body: JsonObject, quote: Quote): string {
  const [trigger, action, budget] = [objectOf(body.trigger), objectOf(body.action), objectOf(body.budget)];
  const options: [option: string, value: unknown][] = [
    ["--schedule", trigger.expression],
    ["--tz", trigger.expression ? (trigger.timezone ?? "UTC") : null],
    ...list(trigger.events).map((event): [string, unknown] => ["--event", event]),
    ["--filter", trigger.filter],
    ["--message", action.message_text],
    ["--title", action.title],
    ["--for", list(body.targets).join(",")],
    ["--mute", action.notification_preference === "none"],
    ...list(action.attachments).map((file): [string, unknown] => ["--attach", address(file)]),
    ["--kodey", action.type === "kodey.create_chat"],
    ["--user", action.user_id],
    ["--await-reply", action.await_reply],
    ["--missed", body.missed],
    ["--budget", budgetOption(budget)],
    ...Object.entries(objectOf(body.labels)).map(([key, value]): [string, unknown] => ["--label", `${key}=${value}`]),
    ["--description", body.description],
  ];
  const typed = options
    .filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "")
    .map(([option, value]) => (value === true ? option : `${option} ${quote(String(value))}`));
  return [`aichats auto create ${name}`, ...typed].join(" \\\n  ");
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function address(file: unknown): unknown {
  return isObject(file) ? (file.url ?? file.s3) : file;
}

function budgetOption(budget: JsonObject): string | null {
  if (budget.runs) return `${budget.runs}/${budget.per}`;
  return budget.tokens ? `${budget.tokens} tokens/${budget.per}` : null;
}
