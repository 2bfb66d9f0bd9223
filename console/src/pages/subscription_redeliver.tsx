// Deliver stored events again: those of a time span, or a single one.

import { useRef, useState } from "preact/hooks";
import { isUncertain, newKey, problemAt, read, type Schemas } from "../api/client";
import { useAction } from "../hooks";
import { isoAt, localOf } from "../model/zoned";
import { useSession } from "../session";
import { useZone, When } from "../time";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Select } from "../ui/form";
import { ErrorNotice, Notice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { WhenField } from "../ui/when";
import type { SubscriptionRow } from "./subscription_words";

type Request = Schemas["Redeliver"];
type Started = Schemas["StartedRedelivery"];

/** Return an action that delivers events again. As long as the same is wanted, each try is the same request. */
export function useRedelivery(name: string) {
  const { api } = useSession();
  const last = useRef<{ wanted: string; key: string; body: Request } | null>(null);
  return useAction((wanted: string, body: Request) => {
    if (last.current?.wanted !== wanted) last.current = { wanted, key: newKey(), body };
    const params = { path: { name }, header: { "Idempotency-Key": last.current.key } };
    return read(api.POST("/subscriptions/{name}/redeliver", { params, body: last.current.body }));
  });
}

/** What failed, for the notice of an error. */
export function redeliveryFailure(error: Error | null): string {
  return isUncertain(error)
    ? "aichats may have started to deliver the events. Try again: each event is delivered once"
    : "No event is delivered again";
}

const DAY_MS = 86_400_000;
const SPANS: readonly (readonly [string, string])[] = [
  ["1", "the last 24 hours"],
  ["3", "the last 3 days"],
  ["7", "the last 7 days"],
  ["30", "the last 30 days (all that are stored)"],
  ["times", "between two times"],
];

interface Choice {
  which: string;
  span: string;
  since: string;
  until: string;
}

function requestOf({ which, span, since, until }: Choice, zone: string): Request {
  const failed_only = which === "failed";
  if (span !== "times")
    return {
      since: new Date(Date.now() - Number(span) * DAY_MS).toISOString(),
      failed_only,
      until: null,
      events: null,
    };
  return { since: isoAt(since, zone) ?? "", until: isoAt(until, zone), failed_only, events: null };
}

export function RedeliverDialog({ of, onClose }: { of: SubscriptionRow; onClose(): void }) {
  const { zone } = useZone();
  const [choice, setChoice] = useState<Choice>(() => ({
    which: "failed",
    span: "3",
    since: localOf(Date.now() - DAY_MS, zone),
    until: "",
  }));
  const [started, setStarted] = useState<Started | null>(null);
  const redelivery = useRedelivery(of.name);
  const change = (changes: Partial<Choice>) => {
    setChoice({ ...choice, ...changes });
    setStarted(null);
  };
  const body = requestOf(choice, zone);
  const send = async (event: Event) => {
    event.preventDefault();
    setStarted((await redelivery.run(JSON.stringify(choice), body)) ?? null);
  };
  return (
    <Dialog title={`Deliver events to ${of.name} again`} onClose={onClose}>
      <form onSubmit={send}>
        <Fields choice={choice} onChange={change} error={redelivery.error} />
        {started ? (
          <StartedNotice started={started} />
        ) : (
          <ErrorNotice error={redelivery.error} what={redeliveryFailure(redelivery.error)} />
        )}
        <Terminal
          command={commandOf(of.name, body)}
          request={curl("POST", `/subscriptions/${of.name}/redeliver`, body)}
        />
        <div class="buttons">
          <Button onClick={onClose}>{started ? "Show the deliveries" : "Cancel"}</Button>
          {!started && (
            <Button type="submit" kind="primary" busy={redelivery.pending}>
              {redelivery.pending ? "Please wait…" : "Deliver these events again"}
            </Button>
          )}
        </div>
      </form>
    </Dialog>
  );
}

interface FieldsProperties {
  choice: Choice;
  onChange(changes: Partial<Choice>): void;
  error: Error | null;
}

function Fields({ choice, onChange, error }: FieldsProperties) {
  const { zone } = useZone();
  const problem = (field: string) => problemAt(error, field);
  return (
    <>
      <Select
        label="Which events"
        value={choice.which}
        onValue={(which) => onChange({ which })}
        options={[
          ["failed", "only those that aichats has given up"],
          ["all", "all that the subscription selects, even if they were delivered"],
        ]}
        hint="Each event has the same webhook-id as before, so a receiver that knows it can ignore it."
      />
      <Select
        label="Events of"
        value={choice.span}
        onValue={(span) => onChange({ span })}
        options={SPANS}
        error={choice.span === "times" ? null : problem("since")}
      />
      {choice.span === "times" && (
        <div class="columns">
          <WhenField
            label="From"
            zone={zone}
            required
            value={choice.since}
            onValue={(since) => onChange({ since })}
            error={problem("since")}
          />
          <WhenField
            label="To"
            zone={zone}
            hint="Empty: until now"
            value={choice.until}
            onValue={(until) => onChange({ until })}
            error={problem("until")}
          />
        </div>
      )}
    </>
  );
}

/** What was started. */
export function StartedNotice({ started }: { started: Started }) {
  return (
    <Notice kind="success" title="aichats delivers the events again">
      <p>
        These are the events from <When at={started.since} /> to <When at={started.until} />. The list of deliveries
        shows each result as soon as there is one.
      </p>
    </Notice>
  );
}

function commandOf(name: string, { since, until, failed_only }: Request): string {
  const end = until ? ` --until ${quoted(until)}` : "";
  return `aichats notify redeliver ${name} --since ${quoted(since)}${end}${failed_only ? " --failed" : ""}`;
}
