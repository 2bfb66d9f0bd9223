// What needs a person, worst first, with the next action.

import { useState } from "preact/hooks";
import { newKey, read } from "../api/client";
import { useAction, useQuery } from "../hooks";
import { type Sources, useSources } from "../model/attention";
import { counted, type Need, needsOf } from "../model/needs";
import { useSession } from "../session";
import { Distance, formatTime, useZone } from "../time";
import { Button, Copy, LinkButton } from "../ui/button";
import { Confirm } from "../ui/dialog";
import { Section } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { curl, Terminal } from "../ui/terminal";
import { Text } from "../ui/text";
import { useToast } from "../ui/toast";

const MOST_SHOWN = 6;

/** The section of everything that needs a person. */
export function Needs() {
  const sources = useSources();
  const { me } = useSession();
  const [all, setAll] = useState(false);
  const [replayed, setReplayed] = useState<Need | null>(null);
  const needs = needsOf(sources, me, Date.now());
  const shown = all ? needs : needs.slice(0, MOST_SHOWN);
  const hidden = needs.length - MOST_SHOWN;
  return (
    <Section title={needs.length > 0 ? `Needs you (${needs.length})` : "Needs you"}>
      <Unread sources={sources} />
      {shown.length > 0 && (
        <ul class="needs">
          {shown.map((need) => (
            <NeedItem key={need.id} need={need} onReplay={() => setReplayed(need)} />
          ))}
        </ul>
      )}
      {hidden > 0 && (
        <Button kind="quiet" expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show less" : `Show ${hidden} more`}
        </Button>
      )}
      {needs.length === 0 && <Calm sources={sources} />}
      {replayed?.replay && <ReplayDialog replay={replayed.replay} onClose={() => setReplayed(null)} />}
    </Section>
  );
}

const SIGNS = { unknown: "?", failed: "✕", missed: "!", error: "✕", warning: "!" };

function NeedItem({ need, onReplay }: { need: Need; onReplay(): void }) {
  const { can } = useSession();
  const { state, tone } = need;
  const sign = state === "unknown" || state === "failed" || state === "missed" ? SIGNS[state] : SIGNS[tone];
  return (
    <li>
      <span class={`badge ${tone === "error" ? "failed" : "missed"}`}>
        <span aria-hidden="true">{sign}</span> {state}
      </span>
      <div class="need">
        <p class="title">
          <Text>{need.title}</Text>{" "}
          {need.at && (
            <span class="faint">
              <Distance at={need.at} />
            </span>
          )}
        </p>
        {need.reason && (
          <p class="reason">
            <Text>{need.reason}</Text>
          </p>
        )}
        {need.command && (
          <p class="command-line">
            <code>{need.command}</code> <Copy text={need.command} label="Copy the command" />
          </p>
        )}
      </div>
      <div class="actions">
        {need.replay && can("replay_runs") && (
          <Button label={`Replay: ${need.title}`} onClick={onReplay}>
            Replay
          </Button>
        )}
        {need.link && (
          <LinkButton to={need.link.to} label={`${need.link.text}: ${need.title}`}>
            {need.link.text}
          </LinkButton>
        )}
      </div>
    </li>
  );
}

const NAMES: readonly [keyof Sources, string][] = [
  ["runs", "the runs of the last 7 days"],
  ["connections", "the connections"],
  ["subscriptions", "the subscriptions"],
  ["budgets", "the budgets"],
];

/** The sources that can't be read now. The others are shown all the same. */
function Unread({ sources }: { sources: Sources }) {
  const failed = NAMES.filter(([name]) => sources[name].error);
  const first = failed.map(([name]) => sources[name].error).find((error) => error !== null);
  if (!first) return null;
  const retry = () => {
    for (const [name] of failed) void sources[name].reload();
  };
  const what = listOf(failed.map(([, text]) => text));
  return <ErrorNotice error={first} what={`aichats can't check ${what} now`} onRetry={retry} />;
}

/** Says that nothing needs a person, what was checked for that, and when. */
function Calm({ sources }: { sources: Sources }) {
  const { zone } = useZone();
  const read = NAMES.filter(([name]) => sources[name].data !== undefined);
  if (NAMES.some(([name]) => sources[name].loading)) return <Loading what="what needs you" />;
  if (read.length === 0 || NAMES.some(([name]) => sources[name].error)) return null;
  const oldest = Math.min(...read.map(([name]) => sources[name].readAt ?? Number.POSITIVE_INFINITY));
  return (
    <p class="calm">
      <span aria-hidden="true">✓</span>
      <span>
        <strong>Nothing needs you.</strong>{" "}
        <span class="faint">
          Checked at {formatTime(oldest, zone, "time")}: {listOf(read.map(([, text]) => text))}.
        </span>
      </span>
    </p>
  );
}

function listOf(texts: readonly string[]): string {
  return new Intl.ListFormat("en", { type: "conjunction" }).format(texts);
}

const MOST_REPLAYED = 1000;
const EVERY_RUN = {
  target: null,
  label: null,
  trigger: null,
  slot_since: null,
  slot_until: null,
  since: null,
  until: null,
};

function ReplayDialog({ replay, onClose }: { replay: NonNullable<Need["replay"]>; onClose(): void }) {
  const { api } = useSession();
  const { runs } = useSources();
  const toast = useToast();
  const [key] = useState(newKey);
  const filter = { ...EVERY_RUN, automation: replay.automation, status: [replay.status] };
  const count = useQuery("count", () =>
    read(api.POST("/runs/replay", { body: { filter, limit: MOST_REPLAYED, dry_run: true } })),
  );
  const matching = count.data && "count" in count.data ? count.data : null;
  // Never more runs than the person has agreed to, even if more match by now.
  const body = { filter, limit: matching?.count || 1, dry_run: false };
  const start = useAction(() =>
    read(api.POST("/runs/replay", { body, params: { header: { "Idempotency-Key": key } } })),
  );
  const number = matching ? counted(matching.count, "run") : "the runs";
  return (
    <Confirm
      title={`Replay ${number} of ${replay.automation}?`}
      verb={`Replay ${number}`}
      action={start}
      disabled={!matching || matching.count === 0}
      failure="The runs are not replayed"
      onClose={onClose}
      onDone={(job) => {
        onClose();
        void runs.reload();
        toast(`Replaying ${counted(job.count ?? 0, "run")} of ${replay.automation}. See them under “Open runs”.`);
      }}
    >
      <ErrorNotice error={count.error} what="The runs can't be counted" onRetry={count.reload} />
      {count.loading && <Loading what="the number of runs" />}
      {matching && (
        <p>
          {matching.has_more ? `These are the first ${number}; more match. ` : ""}
          {replay.status === "missed"
            ? "They are performed now, late."
            : "They are performed again. Fix the cause first: otherwise they fail again."}
        </p>
      )}
      <Terminal
        command={`aichats runs replay --auto ${replay.automation} --status ${replay.status}`}
        request={curl("POST", "/runs/replay", {
          ...body,
          filter: { automation: replay.automation, status: [replay.status] },
        })}
      />
    </Confirm>
  );
}
