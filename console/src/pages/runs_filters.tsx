import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { problemAt, read } from "../api/client";
import { useQuery, useSettled } from "../hooks";
import { joined } from "../model/words";
import { isoAt, localOf } from "../model/zoned";
import { useQueryParameters } from "../router";
import { useSession } from "../session";
import { Time, useZone } from "../time";
import { Button } from "../ui/button";
import { Select, TextField } from "../ui/form";
import { RUN_STATUSES, type RunStatus } from "../ui/status";
import { Text } from "../ui/text";
import { FILTER_NAMES, type Filters, isFiltered, isRunStatus, type Trigger, type Window } from "./runs_query";
import { STARTED_BY } from "./runs_table";

const TYPING_MS = 400;
const SPANS: readonly (readonly [hours: string, text: string])[] = [
  ["1", "Last hour"],
  ["24", "Last 24 hours"],
  ["", "Last 7 days"],
  ["720", "Last 30 days"],
];
const CHOSEN = "chosen";

/** The filters of the list. Each change is in the URL at once, so that the list can be shared as it is. */
export function RunFilters({ filters, error }: { filters: Filters; error: Error | null }) {
  const [, change] = useQueryParameters();
  const rare = filters.label || filters.trigger || filters.slot_since || filters.slot_until;
  const [more, setMore] = useState(Boolean(rare));
  const problem = (name: string) => problemAt(error, name);
  return (
    <search class="section run-filters">
      <StatusChips statuses={filters.statuses} onChange={(statuses) => change({ status: statuses.join(",") })} />
      <div class="filters">
        <AutomationFilter
          value={filters.automation ?? ""}
          error={problem("automation")}
          onValue={(automation) => change({ automation })}
        />
        <TypedFilter
          label="Target"
          placeholder="biz_…"
          value={filters.target ?? ""}
          error={problem("target")}
          onValue={(target) => change({ target })}
        />
        <SpanFilter filters={filters} />
        <Button expanded={more} onClick={() => setMore(!more)}>
          {more ? "Fewer filters" : "More filters"}
        </Button>
      </div>
      <TimeFilters filters={filters} names={["since", "until"]} problem={problem} />
      {more && <RareFilters filters={filters} problem={problem} />}
    </search>
  );
}

interface ChipsProperties {
  statuses: readonly RunStatus[];
  onChange(statuses: RunStatus[]): void;
}

function StatusChips({ statuses, onChange }: ChipsProperties) {
  const toggle = (status: RunStatus) =>
    onChange(
      Object.keys(RUN_STATUSES)
        .filter(isRunStatus)
        .filter((each) => (each === status) !== statuses.includes(each)),
    );
  return (
    <fieldset class="status-chips">
      <legend class="hidden">Status</legend>
      {Object.entries(RUN_STATUSES).map(([status, { sign }]) => (
        <button
          key={status}
          type="button"
          class={`chip ${status}`}
          aria-pressed={isRunStatus(status) && statuses.includes(status)}
          onClick={() => isRunStatus(status) && toggle(status)}
        >
          <span aria-hidden="true">{sign}</span> {status}
        </button>
      ))}
    </fieldset>
  );
}

interface TypedProperties {
  label: string;
  value: string;
  onValue(value: string): void;
  error: string | null;
  placeholder?: string;
  hint?: string;
  list?: string;
}

/** A filter that is typed. It takes part as soon as the person pauses. */
function TypedFilter({ value, onValue, ...rest }: TypedProperties) {
  const [typed, setTyped] = useState(value);
  const settled = useSettled(typed, TYPING_MS).trim();
  const sent = useRef(value);
  useEffect(() => {
    if (settled === sent.current) return;
    sent.current = settled;
    onValue(settled);
  }, [settled]);
  useEffect(() => {
    // The value changed elsewhere, such as by "Reset the filters".
    if (value === sent.current) return;
    sent.current = value;
    setTyped(value);
  }, [value]);
  return <TextField {...rest} code value={typed} onValue={setTyped} />;
}

function AutomationFilter(properties: Omit<TypedProperties, "label">) {
  const { api, can } = useSession();
  const id = useId();
  const names = useQuery(can("list_automations") ? "names of automations" : null, async () =>
    (await read(api.GET("/automations", { params: { query: { limit: 100 } } }))).data.map((each) =>
      "name" in each ? String(each.name) : "",
    ),
  );
  return (
    <>
      <TypedFilter {...properties} label="Automation" list={id} placeholder="any" />
      <datalist id={id}>
        {names.data?.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}

/** How far back the list goes. Another choice becomes a time in the URL, so that a shared list stays the same. */
function SpanFilter({ filters }: { filters: Filters }) {
  const [, change] = useQueryParameters();
  const { since, until } = filters;
  const isChosen = Boolean(since || until);
  const choose = (hours: string) => {
    if (hours === CHOSEN) change({ since: ago(7 * 24) });
    else change({ since: hours && ago(Number(hours)), until: null });
  };
  return (
    <Select
      label="Created or ended"
      value={isChosen ? CHOSEN : ""}
      onValue={choose}
      options={[...SPANS, [CHOSEN, "Between two times"]]}
    />
  );
}

function ago(hours: number): string {
  return `${new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 16)}:00Z`;
}

type TimeName = "since" | "until" | "slot_since" | "slot_until";
const TIME_LABELS: Record<TimeName, string> = {
  since: "From",
  until: "Until",
  slot_since: "Slots from",
  slot_until: "Slots before",
};

function typedTime(at: string | undefined, zone: string): string {
  const instant = Date.parse(at ?? "");
  return Number.isNaN(instant) ? "" : localOf(instant, zone);
}

interface TimeProperties {
  filters: Filters;
  names: readonly TimeName[];
  problem(name: string): string | null;
}

function TimeFilters({ filters, names, problem }: TimeProperties) {
  const [, change] = useQueryParameters();
  const { zone } = useZone();
  const element = useRef<HTMLDivElement>(null);
  // An input is empty as long as a part of its time is missing, so it stays while a person types.
  const isUsed = element.current?.contains(document.activeElement) ?? false;
  if (names.includes("since") && !filters.since && !filters.until && !isUsed) return null;
  return (
    <div class="filters" ref={element}>
      {names.map((name) => (
        <TextField
          key={name}
          type="datetime-local"
          label={`${TIME_LABELS[name]} (${zone})`}
          value={typedTime(filters[name], zone)}
          error={problem(name)}
          onValue={(typed) => change({ [name]: isoAt(typed, zone) })}
        />
      ))}
    </div>
  );
}

function RareFilters({ filters, problem }: Omit<TimeProperties, "names">) {
  const [, change] = useQueryParameters();
  return (
    <>
      <div class="filters">
        <TypedFilter
          label="Label"
          placeholder="key:value"
          value={filters.label ?? ""}
          error={problem("label")}
          onValue={(label) => change({ label: label.includes(":") ? label : label.replace("=", ":") })}
        />
        <Select
          label="Started by"
          value={filters.trigger ?? ""}
          onValue={(trigger) => change({ trigger })}
          options={[["", "anything"], ...Object.entries(STARTED_BY)]}
        />
      </div>
      <TimeFilters filters={filters} names={["slot_since", "slot_until"]} problem={problem} />
      <p class="hint">A slot is a time for which a schedule fires.</p>
    </>
  );
}

const STARTERS: Record<Trigger, string> = { schedule: "a schedule", webhook: "a Whop event", http: "an API client" };

interface LineProperties {
  filters: Filters;
  window: Window | null;
  children: ComponentChildren;
}

/** The filters in a sentence, with a button that removes them. */
export function FilterLine({ filters, window, children }: LineProperties) {
  const [, change] = useQueryParameters();
  const reset = () => change(Object.fromEntries(FILTER_NAMES.map((name) => [name, null])));
  const parts: ComponentChildren[] = [];
  if (filters.automation) parts.push(<Part before=" of " value={filters.automation} />);
  if (filters.target) parts.push(<Part before=" for " value={filters.target} />);
  if (filters.label) parts.push(<Part before=" with the label " value={filters.label} />);
  if (filters.trigger) parts.push(` started by ${STARTERS[filters.trigger]}`);
  const statuses = filters.statuses.length > 0 ? `${joined(filters.statuses)} runs` : "All runs";
  return (
    <div class="filter-line">
      <p class="grow">
        {statuses.charAt(0).toUpperCase() + statuses.slice(1)}
        {parts}
        {window && (
          <>
            , created or ended from <Time at={window.since} /> until{" "}
            {filters.until ? <Time at={filters.until} /> : "now"}
          </>
        )}
        {(filters.slot_since || filters.slot_until) && <Slots filters={filters} />}, newest first.
      </p>
      {children}
      {isFiltered(filters) && (
        <Button kind="quiet" onClick={reset}>
          Reset the filters
        </Button>
      )}
    </div>
  );
}

function Slots({ filters: { slot_since, slot_until } }: { filters: Filters }) {
  return (
    <>
      , for slots
      {slot_since && (
        <>
          {" "}
          from <Time at={slot_since} />
        </>
      )}
      {slot_until && (
        <>
          {" "}
          before <Time at={slot_until} />
        </>
      )}
    </>
  );
}

function Part({ before, value }: { before: string; value: string }) {
  return (
    <>
      {before}
      <strong>
        <Text>{value}</Text>
      </strong>
    </>
  );
}
