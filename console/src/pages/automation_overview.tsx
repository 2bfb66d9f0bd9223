import type { ComponentChildren } from "preact";
import {
  type Action,
  type AutomationView,
  type Deed,
  describeAction,
  describeBudget,
  NEEDED,
} from "../model/automation_words";
import { amount } from "../model/words";
import { Link } from "../router";
import { useSession } from "../session";
import { Time } from "../time";
import { Button, LinkButton } from "../ui/button";
import { Section } from "../ui/page";
import { Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Facts, LongText, Text } from "../ui/text";
import { Credentials } from "./automation_credentials";
import { NewestRuns } from "./automation_runs";
import { Targets } from "./automation_targets";
import { When } from "./automation_times";

interface Properties {
  automation: AutomationView;
  onDeed(deed: Deed): void;
  onChanged(): void;
}

/** What an automation does, when, and what it did last. */
export function Overview({ automation, onDeed, onChanged }: Properties) {
  const { can } = useSession();
  return (
    <>
      <PausedNotice automation={automation} />
      <div class="columns">
        <When automation={automation} onDeed={onDeed} onChanged={onChanged} />
        <What automation={automation} />
      </div>
      {can("list_runs") && <NewestRuns automation={automation} />}
    </>
  );
}

function PausedNotice({ automation: { name, paused } }: { automation: AutomationView }) {
  if (!paused) return null;
  const { scope, until, by, from, reason } = paused;
  const isBudget = by === "budget";
  const what = scope === "stack" ? "The whole stack" : name;
  const end = until ? (
    <>
      until <Time at={until} />
    </>
  ) : (
    "until you resume"
  );
  return (
    <Notice
      kind="warning"
      title={
        scope === "trigger" ? (
          `${name} is disabled`
        ) : (
          <>
            {what} is paused {end}
          </>
        )
      }
      actions={scope === "stack" && <Link to="">Show the pause of the stack</Link>}
    >
      <p>
        {by !== null && !isBudget && (
          <>
            By <Text>{by}</Text>.{" "}
          </>
        )}
        {isBudget && "Its budget is used up. "}
        Since <Time at={from} />.
        {reason && !isBudget && (
          <>
            {" "}
            Reason: <Text>{reason}</Text>
          </>
        )}
      </p>
    </Notice>
  );
}

function What({ automation }: { automation: AutomationView }) {
  const { can } = useSession();
  const { action } = automation;
  const title = "title" in action ? action.title : null;
  const message = "message_text" in action ? action.message_text : "content" in action ? action.content : null;
  return (
    <Section title="What it does">
      <p>
        <Text>{describeAction(automation)}</Text>
      </p>
      {automation.targets.length > 1 && <Targets automation={automation} />}
      {title && (
        <div>
          <h3>Title</h3>
          <p>
            <Text>{title}</Text>
          </p>
        </div>
      )}
      {message && (
        <div class="lines">
          <h3>Message</h3>
          <LongText label="Message">{message}</LongText>
        </div>
      )}
      <Credentials automation={automation} />
      <Facts items={[...details(action), ...rules(automation, can("list_budgets")), ...origin(automation)]} />
    </Section>
  );
}

function details(action: Action): [string, ComponentChildren][] {
  const items: [string, ComponentChildren][] = [];
  if ("notification_preference" in action && action.notification_preference) {
    items.push(["Notifications", action.notification_preference === "none" ? "muted" : "all"]);
  }
  if ("company_id" in action && action.company_id) items.push(["Moves the chat to", action.company_id]);
  if ("await_reply" in action && action.await_reply) items.push(["Reply", "aichats watches for the agent's reply"]);
  if ("attachments" in action && action.attachments?.length) {
    items.push(["Attachments", amount(action.attachments.length)]);
  }
  if ("agent_identifier" in action && action.agent_identifier) items.push(["Agent", action.agent_identifier]);
  if ("user_id" in action && action.user_id) items.push(["User", <Text key="user">{action.user_id}</Text>]);
  return items;
}

function rules(automation: AutomationView, canSeeUsage: boolean): [string, ComponentChildren][] {
  const { trigger, missed, overlap, budget, labels = {} } = automation;
  const pairs = Object.entries(labels);
  const items: [string, ComponentChildren][] = [];
  if (trigger.type === "schedule") {
    const late = missed === "run" ? "Record it, and run the newest one late" : "Record it, and don't run it";
    items.push(["If its schedule doesn't fire (missed)", late]);
    items.push(["If earlier runs are still open", overlap === "skip" ? "Skip the new time" : "Run all the same"]);
  }
  if (budget) {
    items.push([
      "Budget",
      canSeeUsage ? (
        <Link key="budget" to="/usage">
          {describeBudget(budget)}
        </Link>
      ) : (
        describeBudget(budget)
      ),
    ]);
  }
  if (pairs.length > 0) items.push(["Labels", <Labels key="labels" pairs={pairs} />]);
  return items;
}

function Labels({ pairs }: { pairs: [string, string][] }) {
  return (
    <ul class="tags">
      {pairs.map(([key, value]) => (
        <li key={key}>
          <Link to={`/automations?label=${encodeURIComponent(`${key}:${value}`)}`}>
            <Text>{`${key}: ${value}`}</Text>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function origin(automation: AutomationView): [string, ComponentChildren][] {
  const { created_at, created_by, updated_at, updated_by, managed_by } = automation;
  const change = (at: string, by: string | null) => (
    <>
      <Time at={at} />
      {by !== null && (
        <>
          {" by "}
          <Text>{by}</Text>
        </>
      )}
    </>
  );
  return [
    ["Created", change(created_at, created_by)],
    ["Changed", updated_at === created_at ? null : change(updated_at, updated_by)],
    ["Managed by files in git", managed_by && <Text>{managed_by}</Text>],
  ];
}

/** The commands for what the overview shows. */
export function OverviewTerminal({ automation: { name, trigger } }: { automation: AutomationView }) {
  const isSchedule = trigger.type === "schedule";
  const commands = [
    `aichats auto show ${quoted(name)}`,
    isSchedule && `aichats auto next ${quoted(name)}`,
    `aichats runs list --auto ${quoted(name)}`,
  ];
  const requests = [
    curl("GET", `/automations/${name}`),
    isSchedule && curl("GET", `/automations/${name}/preview?count=5`),
    curl("GET", `/runs?automation=${name}&limit=10`),
  ];
  return <Terminal command={commands.filter(Boolean).join("\n")} request={requests.filter(Boolean).join("\n")} />;
}

/** What a person does rarely with an automation. */
export function Manage({ automation, onDeed }: Omit<Properties, "onChanged">) {
  const { can } = useSession();
  const { name, paused, state } = automation;
  const canDisable = paused?.scope !== "trigger" && state !== "done" && state !== "deleting";
  const canPut = can("put_automation");
  return (
    <Section title="Manage">
      <div class="actions">
        {canPut && <LinkButton to={`/create?from=${name}`}>{`Duplicate ${name}`}</LinkButton>}
        {canDisable && can(...NEEDED.disable) && <Button onClick={() => onDeed("disable")}>{`Disable ${name}`}</Button>}
        <LinkButton to={`/automations/${name}?show=definition`}>Export the definition</LinkButton>
        {can(...NEEDED.delete) && <Button kind="danger" onClick={() => onDeed("delete")}>{`Delete ${name}`}</Button>}
      </div>
    </Section>
  );
}
