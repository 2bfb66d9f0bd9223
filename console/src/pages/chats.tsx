// The chats that the stack's Whop credential sees, and their notifications.

import { useState } from "preact/hooks";
import { type Api, read, type Schemas } from "../api/client";
import { type Pages, usePages, useSettled } from "../hooks";
import { count } from "../model/words";
import { useQueryParameters } from "../router";
import { useSession } from "../session";
import { Distance } from "../time";
import { Button } from "../ui/button";
import { TextField } from "../ui/form";
import { Page } from "../ui/page";
import { Empty, ErrorNotice, Loading, Notice } from "../ui/state";
import { type Column, More, Table } from "../ui/table";
import { curl, quoted, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { ChangeNotifications } from "./chats_notifications";

/** A chat of the list. What the list of runs doesn't know is null. */
interface Row {
  readonly id: string;
  readonly title: string | null;
  readonly notifications: string | null;
  readonly messages: number | null;
  readonly at: string;
}

const MOST = 1000;
/** A change is shown soon after Whop has it, and reading takes little of the rate that Whop allows. */
const EVERY_MS = 15_000;

export function Chats(_: { parameters: Record<string, string> }) {
  const { api, can } = useSession();
  const [query, setQuery] = useQueryParameters();
  const typed = query.get("for") ?? "";
  const company = useSettled(typed, 400);
  const list = usePages(
    `chats ${company}`,
    (cursor) => (company ? ofCompany(api, company, cursor) : all(api, cursor)),
    EVERY_MS,
  );
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [open, setOpen] = useState(false);
  const select = (id: string, is: boolean) => {
    const next = new Set(selected);
    if (is) next.add(id);
    else next.delete(id);
    setSelected(next);
  };
  const mayChange = can("set_notification_preference");
  return (
    <Page
      title="Chats"
      description="The AI chats that this stack's Whop credential can see, newest first."
      actions={
        mayChange && (
          <Button kind="primary" onClick={() => setOpen(true)}>
            {selected.size ? `Change notifications of ${count(selected.size, "chat")}` : "Change notifications"}
          </Button>
        )
      }
    >
      <div class="filters">
        <TextField
          label="Company"
          hint="Created for it in the last 7 days"
          placeholder="biz_…"
          code
          value={typed}
          onValue={(value) => setQuery({ for: value.trim() })}
        />
        <Button disabled={!list.data?.length} onClick={() => setSelected(firstOf(list.data ?? []))}>
          Select all shown
        </Button>
        <Button disabled={selected.size === 0} onClick={() => setSelected(new Set())}>
          Select none
        </Button>
      </div>
      {selected.size > MOST && (
        <Notice kind="warning" title={`At most ${MOST} chats can be changed at once`}>
          <p>Select fewer chats, or change them in several steps.</p>
        </Notice>
      )}
      <List list={list} selected={selected} onSelect={mayChange ? select : undefined} />
      <Terminal
        command={company ? `aichats runs list --for ${quoted(company)} --status succeeded` : "aichats chats list"}
        request={curl(
          "GET",
          company ? `/runs?target=${encodeURIComponent(company)}&status=succeeded` : "/chats?first=50",
        )}
      />
      {open && (
        <ChangeNotifications ids={[...selected]} onClose={() => setOpen(false)} onDone={() => setSelected(new Set())} />
      )}
    </Page>
  );
}

interface ListProperties {
  list: Pages<Row>;
  selected: ReadonlySet<string>;
  onSelect: ((id: string, selected: boolean) => void) | undefined;
}

const COLUMNS: Column<Row>[] = [
  { title: "Chat", cell: (row) => (row.title ? <Text>{row.title}</Text> : <span class="faint">no title</span>) },
  { title: "ID", cell: (row) => <code>{row.id}</code> },
  { title: "Notifications", cell: (row) => words(row.notifications) },
  { title: "Messages", numeric: true, cell: (row) => row.messages ?? "" },
  { title: "Created", cell: (row) => <Distance at={row.at} /> },
];

function List({ list, selected, onSelect }: ListProperties) {
  const { data } = list;
  return (
    <>
      <ErrorNotice error={list.error} what="The chats can't be read" onRetry={list.reload} />
      {list.loading && <Loading what="chats" />}
      {data?.length === 0 && !list.more && (
        <Empty title="There are no chats here">
          <p>A chat appears here as soon as an automation or a call of the API creates it.</p>
        </Empty>
      )}
      {data && data.length > 0 && (
        <Table
          caption="Chats"
          columns={COLUMNS}
          rows={data}
          id={(row) => row.id}
          selected={selected}
          onSelect={onSelect}
        />
      )}
      {data && (data.length > 0 || list.more) && (
        <More shown={data.length} what="chats" more={list.more} loading={list.loadingMore} onMore={list.loadMore} />
      )}
    </>
  );
}

function words(preference: string | null): string {
  if (preference === "none") return "muted";
  return preference === "all" ? "on" : (preference ?? "not known");
}

function firstOf(rows: readonly Row[]): ReadonlySet<string> {
  return new Set(rows.slice(0, MOST).map((row) => row.id));
}

async function all(api: Api, after: string | null) {
  const { data, page_info } = await read(
    api.GET("/chats", { params: { query: { first: 50, after: after ?? undefined } } }),
  );
  return { data: data.map(asRow), next_cursor: page_info.has_next_page ? page_info.end_cursor : null };
}

function asRow(chat: Schemas["AiChat"]): Row {
  const { id, title, notification_preference: notifications, message_count: messages, created_at: at } = chat;
  return { id, title, notifications, messages, at };
}

async function ofCompany(api: Api, target: string, cursor: string | null) {
  const query = { target, status: "succeeded", limit: 50, cursor: cursor ?? undefined };
  const page = await read(api.GET("/runs", { params: { query } }));
  const created = page.data.filter((run) => run.chat_id && run.action === "whop.create_chat");
  const data = created.map((run) => ({
    ...titleOf(run.chat),
    id: run.chat_id ?? "",
    at: run.created_at,
    messages: null,
  }));
  return { data, next_cursor: page.next_cursor };
}

function titleOf(chat: Schemas["RunView"]["chat"]) {
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  // The run has the chat as it was when it was created.
  return { title: text(chat?.title), notifications: null };
}
