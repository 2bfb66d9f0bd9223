import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { problemAt } from "../api/client";
import { useSettled } from "../hooks";
import { type AutomationView, DEEDS, type Deed, describeAction, NEEDED, switchOf } from "../model/automation_words";
import { count } from "../model/words";
import { Link, useQueryParameters } from "../router";
import { useSession } from "../session";
import { Button, LinkButton } from "../ui/button";
import { Select, TextField } from "../ui/form";
import { Page } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { type Column, More, Table } from "../ui/table";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { DeedDialog } from "./automation_deeds";
import { AutomationState, LastResult, NextTime, TriggerWords } from "./automation_state";
import { type Filter, isState, STATES, useAutomations } from "./automations_search";

export function Automations() {
  const { can } = useSession();
  const [query, change] = useQueryParameters();
  const [open, setOpen] = useState<{ deed: Deed; automation: AutomationView } | null>(null);
  const state = query.get("state") ?? "";
  const filter: Filter = {
    label: useSettled(query.get("label") ?? "", 400),
    name: useSettled(query.get("name") ?? "", 400),
    state: isState(state) ? state : "",
  };
  const list = useAutomations(filter);
  const labelError = problemAt(list.error, "label");
  const isFiltered = Object.values(filter).some(Boolean);
  const create = can("put_automation") && (
    <LinkButton kind="primary" to="/create">
      Create an automation
    </LinkButton>
  );
  return (
    <Page title="Automations" actions={create}>
      <Filters query={query} change={change} labelError={labelError} />
      <ErrorNotice error={labelError ? null : list.error} what="The automations can't be read" onRetry={list.reload} />
      {list.loading && <Loading what="automations" />}
      {list.data?.length === 0 &&
        !list.more &&
        (isFiltered ? <NoMatch onReset={() => change(NO_FILTER)} /> : <NoAutomations create={create} />)}
      {list.data && list.data.length > 0 && (
        <Table
          caption="Automations"
          rows={list.data}
          id={(row) => row.name}
          columns={columns(can("list_runs"), (automation) => (
            <RowActions automation={automation} onDeed={(deed) => setOpen({ deed, automation })} />
          ))}
        />
      )}
      {list.data && (list.data.length > 0 || list.more) && (
        <More
          shown={list.data.length}
          what={list.searched === null ? "automations" : `of the first ${count(list.searched, "automation")}`}
          more={list.more}
          loading={list.loadingMore}
          onMore={list.loadMore}
        />
      )}
      <Terminal command={listCommand(filter)} request={curl("GET", listPath(filter))} />
      {open && <DeedDialog {...open} onChanged={list.reload} onClose={() => setOpen(null)} />}
    </Page>
  );
}

const NO_FILTER = { label: null, name: null, state: null };

interface FiltersProperties {
  query: URLSearchParams;
  change(changes: Record<string, string | null>): void;
  labelError: string | null;
}

function Filters({ query, change, labelError }: FiltersProperties) {
  return (
    <search class="filters">
      <TextField
        label="Name contains"
        type="search"
        value={query.get("name") ?? ""}
        onValue={(name) => change({ name })}
      />
      <Select
        label="State"
        value={query.get("state") ?? ""}
        onValue={(state) => change({ state })}
        options={[["", "All"], ...STATES.map((state) => [state, state] as const)]}
      />
      <TextField
        label="Label (key:value)"
        type="search"
        placeholder="team:growth"
        error={labelError}
        value={query.get("label") ?? ""}
        onValue={(label) => change({ label })}
      />
    </search>
  );
}

function NoMatch({ onReset }: { onReset(): void }) {
  return (
    <Empty title="No automation matches these filters">
      <Button onClick={onReset}>Show all automations</Button>
    </Empty>
  );
}

function NoAutomations({ create }: { create: ComponentChildren }) {
  return (
    <Empty title="There are no automations yet">
      <p>An automation creates chats on a schedule, or when Whop sends an event.</p>
      {create}
    </Empty>
  );
}

function columns(linksRuns: boolean, actions: (row: AutomationView) => ComponentChildren): Column<AutomationView>[] {
  return [
    {
      title: "Automation",
      cell: (row) => (
        <span class="lines">
          <Link to={`/automations/${row.name}`}>{row.name}</Link>
          <span class="faint">
            <Text>{describeAction(row)}</Text>
          </span>
        </span>
      ),
    },
    {
      title: "Trigger",
      cell: (row) => (
        <span class="trigger">
          <TriggerWords automation={row} />
        </span>
      ),
    },
    { title: "State", cell: (row) => <AutomationState automation={row} /> },
    { title: "Next time", cell: (row) => <NextTime automation={row} /> },
    { title: "Last result", cell: (row) => <LastResult automation={row} linked={linksRuns} /> },
    { title: "Actions", cell: actions },
  ];
}

/** What a person does most often with one automation of many. */
function RowActions({ automation, onDeed }: { automation: AutomationView; onDeed(deed: Deed): void }) {
  const { can } = useSession();
  const { name, trigger } = automation;
  const change = switchOf(automation);
  const canRun = can(...NEEDED.run) && automation.state !== "deleting";
  return (
    <span class="row-actions">
      {canRun && trigger.type === "schedule" && (
        <Button kind="quiet" label={`Run now: ${name}`} onClick={() => onDeed("run")}>
          Run now
        </Button>
      )}
      {canRun && trigger.type === "webhook" && (
        <Link to={`/automations/${name}?show=try`} class="button quiet" aria-label={`Try with an event: ${name}`}>
          Try
        </Link>
      )}
      {change && can(...NEEDED[change]) && (
        <Button kind="quiet" label={`${DEEDS[change]}: ${name}`} onClick={() => onDeed(change)}>
          {DEEDS[change]}
        </Button>
      )}
    </span>
  );
}

function listCommand({ label, state }: Filter): string {
  const [key, value] = label.split(":", 2);
  const selected = label ? ` --label ${quoted(`${key}=${value ?? ""}`)}` : "";
  return `aichats auto list${selected}${state === "active" || state === "paused" || state === "done" ? ` --state ${state}` : ""}`;
}

function listPath({ label }: Filter): string {
  return `/automations?limit=25${label ? `&label=${encodeURIComponent(label)}` : ""}`;
}
