import { read } from "../api/client";
import { useNow, useQuery } from "../hooks";
import { Link, useQueryParameters } from "../router";
import { useSession } from "../session";
import { LinkButton } from "../ui/button";
import { Page, Section } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { UsageBudgets } from "./usage_budgets";
import { DayTable } from "./usage_days";
import { UsageGroups } from "./usage_groups";
import type { DayUsage, GroupUsage } from "./usage_numbers";
import { UsagePlot } from "./usage_plot";
import { isAboutDays, MOST_DAYS, SpanChoice, spanOf, useLinkTo } from "./usage_span";
import { Totals } from "./usage_totals";

// An answer adds up the counters of up to 92 days, and changes little within a minute.
const EVERY_MS = 60_000;

export function Usage(_: { parameters: Record<string, string> }) {
  const { api, can, me } = useSession();
  const [query] = useQueryParameters();
  const span = spanOf(query, useNow(EVERY_MS));
  const automation = query.get("automation");
  const by = query.get("by") === "target" ? "target" : "automation";
  const asked = { since: span.since, until: span.until, ...(automation === null ? {} : { automation }) };
  const key = can("get_usage") ? new URLSearchParams(asked).toString() : null;
  const get = (group: "day" | "automation" | "target") =>
    read(api.GET("/usage", { params: { query: { ...asked, by: group } } }));
  const days = useQuery(key && `day ${key}`, () => get("day"), EVERY_MS);
  const groups = useQuery(key && `${by} ${key}`, async () => (await get(by)).data.filter(isGroup), EVERY_MS);
  const isEmpty = days.data?.total.runs.total === 0;
  const shared = { span, automation, canSeeRuns: can("list_runs") };
  return (
    <Page title="Usage" description="Ended runs, replies and tokens. Each day is a UTC day, from 00:00 to 24:00 UTC.">
      <SpanChoice span={span} error={days.error} />
      {automation !== null && <OnlyOne automation={automation} />}
      {me.companies && (
        <p class="faint">
          You see only runs for <Text>{me.companies.join(", ")}</Text>, because this API client is limited to them.
        </p>
      )}
      {!isAboutDays(days.error) && (
        <ErrorNotice error={days.error} what="The usage can't be read" onRetry={days.reload} />
      )}
      {days.loading && <Loading what="usage" />}
      {days.data && <Totals total={days.data.total} {...shared} />}
      {isEmpty && <NoRuns days={span.days} />}
      {days.data && !isEmpty && <Days key={key} days={days.data.data.filter(isDay)} {...shared} />}
      {!isEmpty && !isAboutDays(days.error) && <UsageGroups by={by} groups={groups} {...shared} />}
      <Terminal
        command={`aichats usage --since ${quoted(span.since)} --until ${quoted(span.until)} --by ${by}${automation === null ? "" : ` --auto ${quoted(automation)}`}`}
        request={curl("GET", `/usage?${new URLSearchParams({ ...asked, by })}`)}
      />
      {can("list_budgets") && <UsageBudgets />}
    </Page>
  );
}

function Days(properties: { days: readonly DayUsage[]; automation: string | null; canSeeRuns: boolean }) {
  return (
    <Section title="Day by day">
      <UsagePlot {...properties} />
      <DayTable {...properties} />
    </Section>
  );
}

function OnlyOne({ automation }: { automation: string }) {
  const link = useLinkTo();
  return (
    <p class="only">
      <span>
        Only the automation{" "}
        <strong>
          <Text>{automation}</Text>
        </strong>
      </span>
      <LinkButton to={link({ automation: null })}>Show all automations</LinkButton>
    </p>
  );
}

function NoRuns({ days }: { days: number | null }) {
  const { can } = useSession();
  const link = useLinkTo();
  return (
    <Empty title="No run ended in these days">
      <p>A run counts on the day of its creation, some seconds after it ended.</p>
      <div class="actions">
        {days !== MOST_DAYS && (
          <LinkButton to={link({ days: String(MOST_DAYS), since: null, until: null })}>
            Show {MOST_DAYS} days
          </LinkButton>
        )}
        {can("put_automation") && <Link to="/create">Create an automation</Link>}
      </div>
    </Empty>
  );
}

function isDay(row: DayUsage | GroupUsage): row is DayUsage {
  return "day" in row;
}

function isGroup(row: DayUsage | GroupUsage): row is GroupUsage {
  return !("day" in row);
}
