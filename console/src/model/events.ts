// The events of aichats, in words. TypeScript checks that none is missing.

import type { Schemas } from "../api/client";

export type EventPattern = Schemas["EventPattern"];

export type EventGroup = Extract<EventPattern, `${string}.*`>;
type EventType = Exclude<EventPattern, EventGroup | "*">;

export const EVENT_GROUPS: Record<EventGroup, string> = {
  "run.*": "Runs",
  "slot.*": "Slots: all runs of one scheduled time",
  "automation.*": "Automations",
  "connection.*": "Connections",
  "budget.*": "Budgets",
};

/** When an event is sent. */
export const EVENT_TYPES: Record<EventType, string> = {
  "run.succeeded": "the chat exists, or the change was made",
  "run.failed": "the run can't be performed",
  "run.unknown": "aichats doesn't know whether the run was performed",
  "run.missed": "the schedule did not fire",
  "run.skipped": "aichats left the run out on purpose",
  "run.cancelled": "a person cancelled the run before it began",
  "run.replied": "the agent has replied",
  "run.reply_overdue": "the agent has not replied in time",
  "slot.finished": "all runs of a slot have ended, if it has two or more",
  "automation.created": "an automation was created",
  "automation.changed": "an automation has a new definition",
  "automation.paused": "an automation was paused, or a pause was planned",
  "automation.resumed": "an API client ended a pause",
  "automation.deleted": "an automation was deleted",
  "automation.unreadable": "the deployed version can't read an automation",
  "connection.broken": "Whop rejected the renewal of a connected account",
  "connection.restored": "a connected account works again",
  "budget.reached": "80% or 100% of a budget are used up",
};

/** What happened, as a sentence. */
export const EVENT_HEADLINES: Record<EventType, string> = {
  "run.succeeded": "A run succeeded",
  "run.failed": "A run failed",
  "run.unknown": "It is unknown whether a run was performed",
  "run.missed": "A run was missed",
  "run.skipped": "A run was skipped",
  "run.cancelled": "A run was cancelled",
  "run.replied": "The agent replied",
  "run.reply_overdue": "The agent has not replied in time",
  "slot.finished": "All runs of a slot ended",
  "automation.created": "An automation was created",
  "automation.changed": "An automation was changed",
  "automation.paused": "An automation was paused",
  "automation.resumed": "An automation was resumed",
  "automation.deleted": "An automation was deleted",
  "automation.unreadable": "An automation can't be read by the deployed version",
  "connection.broken": "A connection to a Whop account broke",
  "connection.restored": "A connection to a Whop account works again",
  "budget.reached": "A budget was reached",
};

/** Return whether a text can be in a subscription: a type of events, a group, or "*". */
export function isEventPattern(text: string): text is EventPattern {
  return text === "*" || isEventGroup(text) || isEventType(text);
}

/** Return whether a text is a type of events that this console knows. */
export function isEventType(text: string): text is EventType {
  return Object.hasOwn(EVENT_TYPES, text);
}

/** Return whether a text is a group of events, such as "run.*". */
function isEventGroup(text: string): text is EventGroup {
  return Object.hasOwn(EVENT_GROUPS, text);
}

export const GROUPS: readonly EventGroup[] = Object.keys(EVENT_GROUPS).filter(isEventGroup);

/** Return the types of a group. */
export function typesOf(group: EventGroup): EventType[] {
  return Object.keys(EVENT_TYPES)
    .filter(isEventType)
    .filter((type) => type.startsWith(group.slice(0, -1)));
}
