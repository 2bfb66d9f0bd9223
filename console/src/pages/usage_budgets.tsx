// The budgets of the stack and of automations: what is used of each in its day or month.

import { read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { amount } from "../model/words";
import { Link } from "../router";
import { useSession } from "../session";
import { Time } from "../time";
import { LinkButton } from "../ui/button";
import { Section } from "../ui/page";
import { usePortion } from "../ui/portion";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { Badge } from "../ui/status";
import { curl, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { percent } from "./usage_numbers";

type Budget = Schemas["BudgetView"];
type Use = Schemas["BudgetUse"];

const PAGE = 10;
const EVERY_MS = 15_000;

/** The budgets, first that of the stack, then those of which the most is used. */
export function UsageBudgets() {
  const { api, can } = useSession();
  const budgets = useQuery(
    "budgets",
    async () => {
      const all: Budget[] = [];
      let cursor: string | undefined;
      do {
        const page = await read(api.GET("/budgets", { params: { query: { cursor } } }));
        all.push(...page.data);
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      return all.toSorted((one, other) => urgency(other) - urgency(one));
    },
    EVERY_MS,
  );
  const { shown, more } = usePortion(budgets.data ?? [], PAGE, "budgets");
  return (
    <Section title="Budgets">
      <p class="faint">
        A budget limits runs, or tokens of replies, in a UTC day or month. When it is used up, aichats pauses the
        automation, or the whole stack, until the budget renews.
      </p>
      <ErrorNotice error={budgets.error} what="The budgets can't be read" onRetry={budgets.reload} />
      {budgets.loading && <Loading what="budgets" />}
      {budgets.data?.length === 0 && (
        <Empty title="There are no budgets">
          <p>
            An automation that listens for events runs as often as they come. To limit it, open the automation, and give
            it a budget.
          </p>
          {can("list_automations") && <LinkButton to="/automations">Choose an automation</LinkButton>}
        </Empty>
      )}
      {shown.length > 0 && (
        <ul class="budgets">
          {shown.map((budget) => (
            <BudgetItem key={budget.automation ?? ""} budget={budget} />
          ))}
        </ul>
      )}
      {more}
      <Terminal command={null} request={curl("GET", "/budgets")} />
    </Section>
  );
}

function BudgetItem({ budget }: { budget: Budget }) {
  const { automation, per, state, runs, tokens } = budget;
  const owner = automation ?? "The whole stack";
  return (
    <li class="budget">
      <div class="budget-head">
        {automation === null ? (
          <strong>{owner}</strong>
        ) : (
          <Link to={`/automations/${encodeURIComponent(automation)}`}>
            <Text>{automation}</Text>
          </Link>
        )}
        <span class="faint">per {per}</span>
        <BudgetBadge state={state} />
      </div>
      <div class="meters">
        {runs && <Meter use={runs} what="runs" owner={owner} />}
        {tokens && <Meter use={tokens} what="tokens" owner={owner} />}
      </div>
      <p class="faint">
        <Consequence budget={budget} />
      </p>
    </li>
  );
}

function BudgetBadge({ state }: { state: Budget["state"] }) {
  if (state === "used_up") return <Badge kind="failed" sign="✕" text="used up" />;
  return state === "lifted" ? <Badge kind="missed" sign="!" text="lifted" /> : null;
}

function Consequence({ budget }: { budget: Budget }) {
  const { automation, until, state, paused_until } = budget;
  const whom = automation === null ? "the stack" : "the automation";
  if (state === "lifted") {
    return (
      <>
        Lifted, because {whom} was resumed by hand: there is no limit until the budget renews, <Time at={until} />.
      </>
    );
  }
  if (state === "used_up" && paused_until !== null) {
    return (
      <>
        Paused until <Time at={paused_until} />. To go on before, resume {whom}. Then it has no limit until the budget
        renews.
      </>
    );
  }
  if (state === "used_up") {
    return (
      <>
        aichats pauses {whom} within seconds, until the budget renews, <Time at={until} />.
      </>
    );
  }
  return (
    <>
      Renews <Time at={until} />.
    </>
  );
}

function Meter({ use, what, owner }: { use: Use; what: string; owner: string }) {
  const share = Math.min(use.used / use.limit, 1);
  const level = share >= 1 ? "full" : share >= NEARLY ? "nearly" : "fine";
  const text = `${amount(use.used)} of ${amount(use.limit)} ${what}`;
  return (
    <div>
      <div class="meter-text">
        <span>{text}</span> <span class="faint">{percent(use.used, use.limit)}</span>
      </div>
      <meter class="hidden" aria-label={`${what} of ${owner}: ${text}`} max={use.limit} value={use.used} />
      <div class={`meter ${level}`} aria-hidden="true">
        <div style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}

/** The share at which aichats sends the event `budget.reached` for the first time. */
const NEARLY = 0.8;

function urgency(budget: Budget): number {
  if (budget.automation === null) return Number.POSITIVE_INFINITY;
  return Math.max(...[budget.runs, budget.tokens].map((use) => (use ? use.used / use.limit : 0)));
}
