// The sums of all days, and what the patterns of the plot mean.

import type { ComponentChildren } from "preact";
import type { Schemas } from "../api/client";
import { amount } from "../model/words";
import { Link } from "../router";
import { END_STATUSES, type EndStatus, percent, runsQuery } from "./usage_numbers";
import { Swatch } from "./usage_patterns";
import type { Span } from "./usage_span";

const MEANINGS: Record<EndStatus, string> = {
  succeeded: "",
  skipped: "left out on purpose",
  cancelled: "by a person",
  missed: "their schedule did not fire on time",
  failed: "you can replay them",
  unknown: "a person must check whether they were performed",
};

interface Properties {
  total: Schemas["UsageTotal"];
  span: Span;
  automation: string | null;
  canSeeRuns: boolean;
}

export function Totals({ total, span, automation, canSeeRuns }: Properties) {
  const { runs, replies, tokens } = total;
  const hasReplies = replies > 0 || Number(tokens) > 0;
  return (
    <Section>
      <dl class="tiles">
        <Tile name="Runs">{amount(runs.total)}</Tile>
        <Tile name="Succeeded" note={runs.total === 0 ? "no runs yet" : `of ${amount(runs.total)} runs`}>
          {percent(runs.succeeded, runs.total)}
        </Tile>
        <Tile name="Replies" note={hasReplies ? "by agents" : "known for runs that await the reply"}>
          {amount(replies)}
        </Tile>
        <Tile name="Tokens" note={hasReplies ? "of chats with a reply" : "known for runs that await the reply"}>
          {amount(tokens)}
        </Tile>
      </dl>
      {runs.total > 0 && (
        <ul class="legend" aria-label="Runs by status">
          {END_STATUSES.filter((status) => runs[status] > 0 || status === "succeeded").map((status) => (
            <Status key={status} status={status} number={runs[status]}>
              {canSeeRuns && runs[status] > 0 ? (
                <Link to={runsQuery(span.since, span.until, { automation, status })}>{status}</Link>
              ) : (
                status
              )}
            </Status>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Section({ children }: { children: ComponentChildren }) {
  return (
    <section class="section totals" aria-label="Totals">
      {children}
    </section>
  );
}

function Tile({ name, note, children }: { name: string; note?: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span class="number">{children}</span>
        {note && <span class="faint"> {note}</span>}
      </dd>
    </div>
  );
}

function Status({ status, number, children }: { status: EndStatus; number: number; children: ComponentChildren }) {
  return (
    <li>
      <Swatch status={status} />
      <span>
        <strong>{amount(number)}</strong> {children} <span class="faint">{MEANINGS[status]}</span>
      </span>
    </li>
  );
}
