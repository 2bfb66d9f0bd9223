// The usage of each automation, or of each target.

import { ApiError } from "../api/client";
import type { Query } from "../hooks";
import { amount } from "../model/words";
import { Link, useQueryParameters } from "../router";
import { Section } from "../ui/page";
import { usePortion } from "../ui/portion";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { type Column, Table } from "../ui/table";
import { Text } from "../ui/text";
import {
  daysBetween,
  END_STATUSES,
  type EndStatus,
  type GroupUsage,
  inWords,
  MOST_DAYS_OF_RUNS,
  type RunCounts,
  runsQuery,
} from "./usage_numbers";
import { type Span, useLinkTo } from "./usage_span";

const PAGE = 25;
const SORTS = {
  runs: { text: "Most runs", of: (row: GroupUsage) => row.runs.total },
  problems: { text: "Most problems", of: (row: GroupUsage) => problems(row) },
  tokens: { text: "Most tokens", of: (row: GroupUsage) => Number(row.tokens) },
} as const;
type Sort = keyof typeof SORTS | "name";

type GroupKey = "automation" | "target";

interface Properties {
  by: GroupKey;
  span: Span;
  automation: string | null;
  canSeeRuns: boolean;
  groups: Query<readonly GroupUsage[]>;
}

export function UsageGroups({ by, span, automation, canSeeRuns, groups }: Properties) {
  const link = useLinkTo();
  const [query, change] = useQueryParameters();
  const sort = sortOf(query.get("sort"));
  const choice = (
    <>
      <nav aria-label="Groups" class="switch">
        {(["automation", "target"] as const).map((each) => (
          <Link
            key={each}
            to={link({ by: each === "automation" ? null : each })}
            aria-current={each === by ? "page" : undefined}
          >
            By {each}
          </Link>
        ))}
      </nav>
      <label class="sort">
        Sort by{" "}
        <select value={sort} onChange={(event) => change({ sort: event.currentTarget.value })}>
          {Object.entries(SORTS).map(([name, { text }]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
          <option value="name">Name</option>
        </select>
      </label>
    </>
  );
  return (
    <Section title={by === "automation" ? "Automations" : "Targets"} actions={choice}>
      {by === "target" && <p class="faint">A target is what a run is for: a company, a chat or an agent.</p>}
      <GroupError error={groups.error} onRetry={groups.reload} span={span} automation={automation} />
      {groups.loading && <Loading what="groups" />}
      {groups.data && groups.data.length > 0 && (
        <Groups
          key={`${by} ${sort}`}
          by={by}
          rows={sorted(groups.data, sort)}
          span={span}
          automation={automation}
          canSeeRuns={canSeeRuns}
        />
      )}
    </Section>
  );
}

/** The error of the groups. If there are too many of them, it has the ways out. */
function GroupError(properties: { error: Error | null; onRetry(): void; span: Span; automation: string | null }) {
  const { error, onRetry, span, automation } = properties;
  const link = useLinkTo();
  const isTooMuch = error instanceof ApiError && error.status === 422 && error.of("since")?.includes("ask for fewer");
  if (!isTooMuch) return <ErrorNotice error={error} what="The groups can't be read" onRetry={onRetry} />;
  return (
    <Empty title="There is too much usage for one answer">
      <p>
        The totals and the plot above are complete. To see the groups, ask for fewer days
        {automation === null ? ", or open an automation and follow its usage." : "."}
      </p>
      {span.days !== 7 && (
        <Link to={link({ days: "7", since: null, until: null })} class="button">
          Show 7 days
        </Link>
      )}
      {span.days === 7 && (
        <Link to={link({ days: null, since: span.until, until: span.until })} class="button">
          Show today
        </Link>
      )}
    </Empty>
  );
}

interface RowsProperties extends Omit<Properties, "groups"> {
  rows: readonly GroupUsage[];
}

function Groups({ by, rows, span, automation, canSeeRuns }: RowsProperties) {
  const { shown, more } = usePortion(rows, PAGE, by === "automation" ? "automations" : "targets");
  const link = useLinkTo();
  const most = Math.max(...rows.map((row) => row.runs.total));
  const present = END_STATUSES.filter((status) => rows.some((row) => row.runs[status] > 0));
  const columns: Column<GroupUsage>[] = [
    { title: by === "automation" ? "Automation" : "Target", cell: (row) => <Name row={row} by={by} link={link} /> },
    {
      title: "Runs",
      numeric: true,
      cell: (row) => (
        <span class="with-bar">
          <InlineBar row={row} most={most} />
          <RunsInWords runs={row.runs} />
        </span>
      ),
    },
    ...present.map((status) => statusColumn(status)),
    { title: "Replies", numeric: true, cell: (row) => <Amount value={row.replies} /> },
    { title: "Tokens", numeric: true, cell: (row) => <Amount value={row.tokens} /> },
  ];
  if (canSeeRuns) {
    columns.push({
      title: "Details",
      cell: (row) => {
        const filter = filterOf(row);
        if (filter === null) return null;
        return (
          <Link class="one-line" to={runsQuery(span.since, span.until, { automation, ...filter })}>
            Show runs
          </Link>
        );
      },
    });
  }
  return (
    <>
      {canSeeRuns && daysBetween(span.since, span.until) > MOST_DAYS_OF_RUNS && (
        <p class="faint">“Show runs” lists the runs of the last {MOST_DAYS_OF_RUNS} of these days.</p>
      )}
      <Table caption={`Usage by ${by}`} rows={shown} id={(row) => nameOf(row) ?? ""} columns={columns} />
      {more}
    </>
  );
}

function Name({ row, by, link }: { row: GroupUsage; by: GroupKey; link: ReturnType<typeof useLinkTo> }) {
  const name = nameOf(row);
  if (name === null) return <span class="faint">{by === "automation" ? "Started by API clients" : "No target"}</span>;
  if (by === "target") return <Text>{name}</Text>;
  return (
    <Link to={link({ automation: name })} aria-label={`${name}: show only its usage`}>
      <Text>{name}</Text>
    </Link>
  );
}

function Amount({ value }: { value: number | string }) {
  const text = amount(value);
  return <span class={text === "0" ? "faint" : undefined}>{text}</span>;
}

function statusColumn(status: EndStatus): Column<GroupUsage> {
  const title = status.charAt(0).toUpperCase() + status.slice(1);
  // A narrow screen has the words of `RunsInWords` instead.
  return { title, numeric: true, optional: true, cell: (row) => <Amount value={row.runs[status]} /> };
}

/** The number of runs and, on a narrow screen, how those ended that did not succeed. */
export function RunsInWords({ runs }: { runs: RunCounts }) {
  return (
    <span class="usage-runs">
      {amount(runs.total)} <span class="faint">{inWords({ ...runs, succeeded: 0 })}</span>
    </span>
  );
}

/** How many runs a group has beside the group with the most. The part with problems is hatched. */
function InlineBar({ row, most }: { row: GroupUsage; most: number }) {
  const share = (runs: number) => ({ width: `${(100 * runs) / most}%` });
  return (
    <span class="inline-bar" aria-hidden="true">
      <span style={share(row.runs.total - problems(row))} />
      <span class="problems" style={share(problems(row))} />
    </span>
  );
}

function problems({ runs }: GroupUsage): number {
  return runs.failed + runs.unknown + runs.missed;
}

function nameOf(row: GroupUsage): string | null {
  return "automation" in row ? row.automation : row.target;
}

/** Return the filter for the runs of a group; null if there is none. */
function filterOf(row: GroupUsage): Record<string, string> | null {
  if ("automation" in row) return row.automation === null ? null : { automation: row.automation };
  return row.target === null ? null : { target: row.target };
}

function sortOf(text: string | null): Sort {
  return text === "problems" || text === "tokens" || text === "name" ? text : "runs";
}

function sorted(rows: readonly GroupUsage[], sort: Sort): readonly GroupUsage[] {
  // The API sorts by name.
  if (sort === "name") return rows;
  const { of } = SORTS[sort];
  return rows.toSorted((one, other) => of(other) - of(one));
}
