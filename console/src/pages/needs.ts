// What needs a person, made from what the API answers: worst first, with the reason and the next action.

import type { Schemas } from "../api/client";
import type { Sources } from "../model/attention";
import type { Connection } from "../model/credentials";
import type { Runs } from "../model/first_runs";
import { amount, count } from "../model/words";
import type { OperationId } from "../session";
import { quoted } from "../ui/terminal";
import { connectCommand } from "./connections_words";
import { type Filters, pathOf } from "./runs_query";

type Me = Schemas["Me"];
type Run = Schemas["RunView"];
type Budget = Schemas["BudgetView"];
type NeedStatus = "unknown" | "failed" | "missed";

/** Something that a person should look at. */
export interface Need {
  readonly id: string;
  readonly tone: "error" | "warning";
  /** What it is in a word, beside the sign. */
  readonly state: string;
  readonly title: string;
  readonly reason: string;
  /** When it began, or happened last. */
  readonly at: string | null;
  /** The page for the next action. */
  readonly link: { readonly to: string; readonly text: string } | null;
  /** The command for the next action, if only a terminal has it. */
  readonly command: string | null;
  /** The runs that can be replayed: all that match, and those that are known. */
  readonly replay: { readonly filters: Filters; readonly runs: readonly Run[] } | null;
}

const NEARLY = 0.8;
const RECENT_MS = 86_400_000;
const SOON_MS = 7 * 86_400_000;

/** Return what needs a person, worst first, and runs of earlier days last. A source that wasn't read (yet) adds nothing. */
export function needsOf(sources: Sources, me: Me, now: number): Need[] {
  const runs = sources.runs.data ? runNeeds(sources.runs.data, me) : [];
  // What happens today comes before runs of earlier days, which may be settled already.
  const isOld = ({ at }: Need) => at !== null && now - Date.parse(at) > RECENT_MS;
  const of = (status: NeedStatus, old: boolean) => runs.filter((need) => need.state === status && isOld(need) === old);
  const budgets = sources.budgets.data?.data.flatMap((each) => budgetNeeds(each, me)) ?? [];
  return [
    ...runs.filter((need) => need.state === "unknown"),
    ...(sources.connections.data?.data.flatMap((each) => connectionNeeds(each, me)) ?? []).sort(byState),
    ...of("failed", false),
    ...of("missed", false),
    ...budgets.filter((need) => need.tone === "error"),
    ...(sources.subscriptions.data?.data.flatMap(subscriptionNeeds) ?? []),
    ...budgets.filter((need) => need.tone === "warning"),
    ...tokenNeeds(me, now),
    ...of("failed", true),
    ...of("missed", true),
  ];
}

function may({ operations }: Me, operation: OperationId): boolean {
  return operations.includes(operation);
}

// The worst first.
const CONNECTION_STATES = ["broken", "unreadable", "disconnected", "expired"];

function byState(one: Need, other: Need): number {
  return CONNECTION_STATES.indexOf(one.state) - CONNECTION_STATES.indexOf(other.state);
}

const RUN_WORDS: Record<NeedStatus, { one: string; many: string; why: string; link: string }> = {
  unknown: {
    one: "may have created a chat, or not",
    many: "may have created chats, or not",
    why: "aichats lost the answer and can't find out. Look whether the chat exists, then say so.",
    link: "Resolve",
  },
  failed: { one: "failed", many: "failed", why: "", link: "Show" },
  missed: {
    one: "was missed",
    many: "were missed",
    why: "The schedule didn't start it on time, so nothing was sent.",
    link: "Show",
  },
};

function runNeeds({ list, more }: Runs, me: Me): Need[] {
  const groups = new Map<string, [Run, ...Run[]]>();
  for (const run of list) {
    if (run.error?.replaced_by?.length) continue;
    const key = `${run.status} ${run.automation}`;
    const group = groups.get(key);
    if (group) group.push(run);
    else groups.set(key, [run]);
  }
  return [...groups.values()].map((group) => runNeed(group, more, me));
}

function runNeed(group: readonly [Run, ...Run[]], more: boolean, me: Me): Need {
  const [newest] = group;
  const status = needStatus(newest);
  const words = RUN_WORDS[status];
  const { automation } = newest;
  const filters: Filters = { statuses: [status], ...(automation === null ? { trigger: "http" } : { automation }) };
  const single = group.length === 1 && !more;
  const number = `${count(group.length, "run")}${more ? " or more" : ""}`;
  return {
    id: `${status} ${automation}`,
    tone: status === "missed" ? "warning" : "error",
    state: status,
    title: `${number} of ${automation ?? "API clients"} ${single ? words.one : words.many}`,
    reason: words.why || `${single ? "" : "The newest: "}${newest.error?.message ?? "no reason is stored"}`,
    at: newest.finished_at ?? newest.created_at,
    link: {
      to: single ? `/runs/${newest.run_id}` : pathOf(filters),
      text: `${may(me, "resolve_run") ? words.link : "Show"} ${single ? "the run" : "the runs"}`,
    },
    command: null,
    replay: status === "unknown" ? null : { filters, runs: group },
  };
}

function needStatus({ status }: Run): NeedStatus {
  return status === "unknown" || status === "missed" ? status : "failed";
}

const CONNECTION_WORDS: Partial<Record<Connection["state"], [title: string, reason: string]>> = {
  broken: ["no longer works", "Whop rejected the renewal of its access. Its user must log in again."],
  unreadable: ["can't be read", "aichats can't read its secret."],
  expired: ["has no access right now", "aichats tries to renew it every ten minutes. Runs wait for up to 24 hours."],
  disconnected: ["has no user", "Companies use it, but no user is logged in."],
};

function connectionNeeds(connection: Connection, { stack }: Me): Need[] {
  const words = CONNECTION_WORDS[connection.state];
  const unused = connection.state === "disconnected" && connection.companies.length === 0;
  if (!words || unused) return [];
  const [title, reason] = words;
  const users = connection.companies.length > 0 ? `Used by ${listed(connection.companies)}.` : "";
  const wait = connection.state === "expired";
  return [
    {
      id: `connection ${connection.name}`,
      tone: wait ? "warning" : "error",
      state: connection.state,
      title: `The connection ${connection.name} to Whop ${title}`,
      reason: [reason, sentence(connection.reason ?? ""), users].filter(Boolean).join(" "),
      at: connection.broken_at,
      link: { to: "/connections", text: "Show the connections" },
      command: wait || connection.state === "unreadable" ? null : connectCommand(connection, stack),
      replay: null,
    },
  ];
}

function subscriptionNeeds(subscription: Schemas["SubscriptionView"]): Need[] {
  if (subscription.failing_since === null || !subscription.enabled) return [];
  return [
    {
      id: `subscription ${subscription.name}`,
      tone: "error",
      state: "failing",
      title: `The receiver of the subscription ${subscription.name} fails`,
      reason: `Events wait until it works again. ${subscription.last_error ?? ""}`.trim(),
      at: subscription.failing_since,
      link: { to: `/subscriptions/${subscription.name}`, text: "Show the deliveries" },
      command: null,
      replay: null,
    },
  ];
}

function budgetNeeds(budget: Budget, me: Me): Need[] {
  const share = Math.max(...[budget.runs, budget.tokens].map((use) => (use ? use.used / use.limit : 0)));
  const used = budget.state === "used_up";
  if (budget.state === "lifted" || (!used && share < NEARLY)) return [];
  const { automation } = budget;
  const whose = automation ? `of ${automation}` : "of the stack";
  const period = budget.per === "day" ? "today (UTC)" : "this month (UTC)";
  const uses = [useText(budget.runs, "runs"), useText(budget.tokens, "tokens")].filter(Boolean).join(" and ");
  const effect = used ? "Nothing runs until it renews." : "When it is used up, nothing runs until it renews.";
  return [
    {
      id: `budget ${automation}`,
      tone: used ? "error" : "warning",
      state: used ? "used up" : "nearly used up",
      title: `The budget ${whose} is ${used ? "used up" : `${Math.floor(share * 100)} % used`}`,
      reason: `${uses} used ${period}. ${effect}`,
      at: null,
      link:
        automation && may(me, "put_automation")
          ? { to: `/automations/${automation}/edit`, text: "Change the budget" }
          : { to: "/usage", text: "Show the usage" },
      command: null,
      replay: null,
    },
  ];
}

function useText(use: Schemas["BudgetUse"] | null, noun: string): string {
  return use ? `${amount(use.used)} of ${amount(use.limit)} ${noun}` : "";
}

function tokenNeeds({ expires_at, name, stack }: Me, now: number): Need[] {
  if (expires_at === null || Date.parse(expires_at) - now > SOON_MS) return [];
  return [
    {
      id: "token",
      tone: "warning",
      state: "ends soon",
      title: `The token of ${name}, with which you are signed in, ends soon`,
      reason: "Then you must sign in with a new one. The command prints it.",
      at: expires_at,
      link: null,
      command: `aichats admin callers rotate ${quoted(name)} --stack ${quoted(stack)}`,
      replay: null,
    },
  ];
}

/** Return a text with a period at its end, unless it has one or is empty. */
function sentence(text: string): string {
  return text === "" || /[.!?]$/.test(text) ? text : `${text}.`;
}

const MOST_LISTED = 3;

function listed(names: readonly string[]): string {
  const rest = names.length - MOST_LISTED;
  return rest > 0 ? `${names.slice(0, MOST_LISTED).join(", ")} and ${rest} more` : names.join(", ");
}
