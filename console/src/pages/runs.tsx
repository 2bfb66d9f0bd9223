import { useRef, useState } from "preact/hooks";
import { ApiError, read } from "../api/client";
import { usePages } from "../hooks";
import { count } from "../model/words";
import { useQueryParameters } from "../router";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { useHeld } from "../ui/held";
import { Page } from "../ui/page";
import { Empty, ErrorNotice, Loading } from "../ui/state";
import { More, Table } from "../ui/table";
import { curl, Terminal } from "../ui/terminal";
import { RunActions } from "./runs_actions";
import { FilterLine, RunFilters } from "./runs_filters";
import { type Filters, filtersOf, isFiltered, optionsOf, pathOf, queryOf, type Window } from "./runs_query";
import { nameOf, type Row, RUN_COLUMNS } from "./runs_table";

const PAGE_SIZE = 25;
const EVERY_MS = 5_000;
/** If few of many runs match, each read searches all of them, so they are read less often. */
const SLOW_MS = 2_000;
const RARELY_MS = 30_000;

export function Runs() {
  const { api, can } = useSession();
  const [query] = useQueryParameters();
  const filters = filtersOf(query);
  const key = pathOf(filters);
  const window = useRef<Window | null>(null);
  const [slow, setSlow] = useState<string | null>(null);
  const list = usePages<Row>(
    key,
    async (cursor) => {
      const start = performance.now();
      const page = await read(
        api.GET("/runs", {
          params: { query: { ...queryOf(filters), limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) } },
        }),
      );
      if (performance.now() - start > SLOW_MS) setSlow(key);
      window.current = { since: page.since, until: page.until };
      return page;
    },
    slow === key ? RARELY_MS : EVERY_MS,
  );
  // Other filters are another list, of which nothing is selected.
  const [selection, setSelection] = useState<{ key: string; ids: ReadonlySet<string> }>({ key, ids: new Set() });
  const selected = selection.key === key ? selection.ids : new Set<string>();
  const setSelected = (ids: Iterable<string>) => setSelection({ key, ids: new Set(ids) });
  const element = useRef<HTMLDivElement>(null);
  const held = useHeld(key, list.data ?? [], (run) => run.run_id, element, selected.size > 0);
  const rows = held.rows.filter((run) => selected.has(run.run_id));
  const select = (id: string, isSelected: boolean) =>
    setSelected(isSelected ? [...selected, id] : [...selected].filter((each) => each !== id));
  // What was changed may not match any longer, so the list changes even if it is in use.
  const changed = async () => {
    await list.reload();
    held.show();
  };
  const canChange = can("replay_run") || can("cancel_run");
  return (
    <Page title="Runs" description="A run is one action for one target, such as a chat for a company.">
      <RunFilters filters={filters} error={list.error} />
      <ErrorNotice
        error={list.error}
        what="The runs can't be read"
        {...(isRejected(list.error) ? {} : { onRetry: list.reload })}
      />
      <div class="run-list" ref={element}>
        <FilterLine filters={filters} window={list.data ? window.current : null}>
          <NewRuns number={held.waiting} onShow={held.show} />
        </FilterLine>
        {list.loading && <Loading what="runs" />}
        {list.data && held.rows.length === 0 && <NoRuns filters={filters} more={list.more} />}
        {list.data && (
          <RunActions
            key={key}
            shown={held.rows}
            selected={rows}
            filters={filters}
            window={window.current}
            onSelectAll={(all) => setSelected(all ? held.rows.map((run) => run.run_id) : [])}
            onChanged={changed}
          />
        )}
        {held.rows.length > 0 && (
          <div class="runs-table">
            <Table
              caption="Runs"
              rows={held.rows}
              id={(run) => run.run_id}
              columns={RUN_COLUMNS}
              name={nameOf}
              {...(canChange ? { selected, onSelect: select } : {})}
            />
          </div>
        )}
      </div>
      {list.data && (
        <More
          shown={held.rows.length}
          what={held.rows.length === 1 ? "run" : "runs"}
          more={list.more}
          loading={list.loadingMore}
          onMore={list.loadMore}
        />
      )}
      <Commands filters={filters} />
    </Page>
  );
}

/** Return whether the API rejected a filter: then the same request never succeeds. */
function isRejected(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 422;
}

function NewRuns({ number, onShow }: { number: number; onShow(): void }) {
  return (
    <div role="status" class="new-runs">
      {number > 0 && (
        <Button kind="quiet" onClick={onShow}>
          {`Show ${count(number, "new run")}`}
        </Button>
      )}
    </div>
  );
}

function NoRuns({ filters, more }: { filters: Filters; more: boolean }) {
  if (more) return <Empty title="No run so far">Show more to search older runs.</Empty>;
  if (isFiltered(filters)) return <Empty title="No run matches the filters">Remove a filter to see more runs.</Empty>;
  return <Empty title="There are no runs in the last 7 days">An automation creates them when its trigger fires.</Empty>;
}

function Commands({ filters }: { filters: Filters }) {
  const options = optionsOf(filters);
  return (
    <Terminal
      command={options === null ? null : `aichats runs list${options}`}
      request={curl("GET", pathOf(filters))}
    />
  );
}
