// What needs a person, worst first, with the next action.

import { useState } from "preact/hooks";
import { type Sources, useSources } from "../model/attention";
import { joined } from "../model/words";
import { useSession } from "../session";
import { Distance, formatTime, useZone } from "../time";
import { Button, Copy, LinkButton } from "../ui/button";
import { Section } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { Badge } from "../ui/status";
import { Text } from "../ui/text";
import { type Need, needsOf } from "./needs";
import { MatchingDialog } from "./runs_bulk";

const MOST_SHOWN = 10;

/** The section of everything that needs a person. */
export function Needs() {
  const sources = useSources();
  const { me } = useSession();
  const [all, setAll] = useState(false);
  const [replayed, setReplayed] = useState<Need["replay"]>(null);
  const needs = needsOf(sources, me, Date.now());
  const shown = all ? needs : needs.slice(0, MOST_SHOWN);
  const hidden = needs.length - MOST_SHOWN;
  return (
    <Section title={needs.length > 0 ? `Needs you (${needs.length})` : "Needs you"}>
      <Unread sources={sources} />
      {shown.length > 0 && (
        <ul class="needs">
          {shown.map((need) => (
            <NeedItem key={need.id} need={need} onReplay={() => setReplayed(need.replay)} />
          ))}
        </ul>
      )}
      {hidden > 0 && (
        <Button kind="quiet" expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show less" : `Show ${hidden} more`}
        </Button>
      )}
      {needs.length === 0 && <Calm sources={sources} />}
      {replayed && (
        <MatchingDialog
          verb="replay"
          filters={replayed.filters}
          window={null}
          shown={replayed.runs}
          title={`Replay all ${replayed.filters.statuses.join()} runs of ${replayed.filters.automation ?? "API clients"}`}
          onClose={() => setReplayed(null)}
        />
      )}
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
      <Badge kind={tone === "error" ? "failed" : "missed"} sign={sign} text={state} />
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
          <p class="need-reason">
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
  const what = joined(failed.map(([, text]) => text));
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
          Checked at {formatTime(oldest, zone, "time")}: {joined(read.map(([, text]) => text))}.
        </span>
      </span>
    </p>
  );
}
