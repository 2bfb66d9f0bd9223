// What a draft still needs before the API can check it, and hints about its targets.

import type { Schemas } from "../api/client";
import { type ActionType, type Draft, targetsOf } from "./draft";
import type { When } from "./draft_when";

export type FieldProblem = Schemas["FieldProblem"];

/** What a target of each action is: its name, its plural, and how it begins. */
export const TARGETS: Record<ActionType, { one: string; many: string; prefix: string }> = {
  "whop.create_chat": { one: "company", many: "companies", prefix: "biz_" },
  "whop.update_chat": { one: "chat", many: "chats", prefix: "aich_" },
  "kodey.create_chat": { one: "agent", many: "agents", prefix: "" },
  "kodey.send_message": { one: "chat", many: "chats", prefix: "" },
};

/** Return what is missing, with the fields of the API, in the order of the form. */
export function gapsOf(name: string, draft: Draft): FieldProblem[] {
  const found = [...gapsOfWhen(draft.when), ...gapsOfAction(draft)];
  if (targetsOf(draft).length === 0) {
    found.push({ field: "targets", message: `Write at least one ${TARGETS[draft.type].one}` });
  }
  if (!name) found.push({ field: "name", message: "Write a name, such as weekly-report" });
  return found;
}

function gapsOfWhen(when: When): FieldProblem[] {
  switch (when.kind) {
    case "weekly":
      if (when.days.length === 0) return [{ field: "trigger.expression", message: "Choose at least one day" }];
      return gapOfTime(when);
    case "interval":
      return when.every ? [] : [{ field: "trigger.expression", message: "Write a number, such as 15" }];
    case "once":
      return when.once ? [] : [{ field: "trigger.expression", message: "Choose a date and a time" }];
    case "webhook":
      return when.events.length > 0 ? [] : [{ field: "trigger.events", message: "Add at least one event" }];
    case "expression":
      return when.expression.trim()
        ? []
        : [{ field: "trigger.expression", message: "Write an expression, such as cron(0 9 ? * MON *)" }];
    default:
      return gapOfTime(when);
  }
}

function gapOfTime(when: When): FieldProblem[] {
  return when.time ? [] : [{ field: "trigger.expression", message: "Choose a time, such as 09:00" }];
}

function gapsOfAction(draft: Draft): FieldProblem[] {
  if (draft.type === "whop.update_chat") {
    const hasChange = draft.title || draft.notifications || draft.companyId;
    return hasChange ? [] : [{ field: "action", message: "Change the notifications, the title or the company" }];
  }
  const field = draft.type === "kodey.send_message" ? "action.content" : "action.message_text";
  return draft.message.trim() ? [] : [{ field, message: "Write the message" }];
}

/** Return how many targets a draft has, and what looks wrong about them. The API decides. */
export function targetHints(draft: Draft): { count: string; hints: string[] } {
  const { one, many, prefix } = TARGETS[draft.type];
  const targets = targetsOf(draft);
  const different = new Set(targets);
  const hints: string[] = [];
  const doubles = targets.length - different.size;
  if (doubles > 0) hints.push(`${doubles === 1 ? "1 line is" : `${doubles} lines are`} a duplicate, which is ignored`);
  const odd = [...different].filter((each) => each !== null && !each.startsWith(prefix) && !each.includes("{{"));
  if (odd.length > 0) hints.push(`${quote(odd)}: an id of a ${one} begins with ${prefix}`);
  return { count: `${different.size || "No"} ${different.size === 1 ? one : many}`, hints };
}

function quote(targets: (string | null)[]): string {
  const [first, ...others] = targets;
  return others.length > 0 ? `“${first}” and ${others.length} more` : `“${first}”`;
}

/** Return a name for an automation with this title or message, such as "weekly-revenue". */
export function nameFor(title: string, message: string): string {
  const [text = ""] = (title || message).replace(/\{\{.*?\}\}/g, " ").split(/[.\n!?]/);
  const words = text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  return (words ?? []).slice(0, 6).join("-").slice(0, 64).replace(/-$/, "");
}
