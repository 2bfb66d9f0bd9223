// What an automation does, in words.

import type { Schemas } from "../api/client";
import type { OperationId } from "../session";
import { count } from "./words";
import { knownZone } from "./zoned";

export type AutomationView = Schemas["AutomationView"];
export type Action = Schemas["Action"];
type Automation = Pick<AutomationView, "trigger" | "action" | "targets">;

const VERBS: Record<Action["type"], string> = {
  "whop.create_chat": "Creates a Whop chat",
  "whop.update_chat": "Changes a Whop chat",
  "kodey.create_chat": "Creates a Kodey chat",
  "kodey.send_message": "Sends a Kodey message",
};
const NOUNS: Record<Action["type"], [one: string, many: string]> = {
  "whop.create_chat": ["company", "companies"],
  "whop.update_chat": ["chat", "chats"],
  "kodey.create_chat": ["agent", "agents"],
  "kodey.send_message": ["chat", "chats"],
};

/** Return what an automation does and for whom, such as "Creates a Whop chat for 3 companies". */
export function describeAction({ action, targets }: Omit<Automation, "trigger">): string {
  const verb = VERBS[action.type];
  const [first] = targets;
  if (targets.length !== 1) return `${verb} for each of ${describeTargets({ action, targets })}`;
  return first == null ? `${verb} for no company` : `${verb} for ${first}`;
}

/** Return the number of targets with what they are, such as "3 companies". */
export function describeTargets({ action, targets }: Omit<Automation, "trigger">): string {
  const [one, many] = NOUNS[action.type];
  return count(targets.length, one, many);
}

/** Return a target as people read it. */
export function targetName(target: string | null): string {
  return target ?? "no company";
}

/** Return the zone in which an automation's times are shown, which is its own if possible. A webhook has none. */
export function zoneOf({ trigger }: Pick<Automation, "trigger">): string | null {
  return trigger.type === "schedule" ? knownZone(trigger.timezone ?? "UTC") : null;
}

/** Return a budget in words, such as "at most 10 runs and 5,000 tokens per day". */
export function describeBudget({ runs, tokens, per }: Schemas["Budget"]): string {
  // The API leaves out a limit that was not sent.
  const limits = [runs == null ? "" : count(runs, "run"), tokens == null ? "" : count(tokens, "token")];
  return `At most ${limits.filter(Boolean).join(" and ")} per ${per}, in UTC`;
}

/** Return the fields that a person writes in which two automations differ. */
export function changedFields(before: AutomationView, after: AutomationView): string[] {
  const fields = ["trigger", "action", "targets", "missed", "overlap", "description", "labels", "budget"] as const;
  return fields.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
}

/** What a person can do with an automation, and the operations that it takes. */
export const NEEDED: Record<Deed, OperationId[]> = {
  run: ["run_automation"],
  pause: ["pause_automation"],
  resume: ["resume_automation"],
  enable: ["get_automation", "put_automation"],
  disable: ["get_automation", "put_automation"],
  delete: ["delete_automation"],
};
export type Deed = "run" | "pause" | "resume" | "enable" | "disable" | "delete";

/** Return what lets an automation continue, or stops it for a while; null if it never fires again. */
export function switchOf({ state, paused }: Pick<AutomationView, "state" | "paused">): Deed | null {
  if (state === "done" || state === "deleting") return null;
  if (paused?.scope === "trigger") return "enable";
  return paused?.scope === "automation" ? "resume" : "pause";
}

/** What the buttons say. */
export const DEEDS: Record<Deed, string> = {
  run: "Run now",
  pause: "Pause",
  resume: "Resume",
  enable: "Enable",
  disable: "Disable",
  delete: "Delete",
};
