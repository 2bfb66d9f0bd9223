import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { read, type Schemas } from "../api/client";
import { useQuery } from "../hooks";
import { isoOf, knownZone } from "../model/zoned";
import { Link } from "../router";
import { useSession } from "../session";
import { formatTime, Time, useZone } from "../time";
import { Page, Section } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { OPEN_STATUSES, RunBadge } from "../ui/status";
import { curl, Terminal } from "../ui/terminal";
import { Facts, Id, Text } from "../ui/text";
import { RunActions } from "./run_actions";
import { adviceFor } from "./run_advice";
import { CameBack, Sent } from "./run_content";
import { Outlook, type RunDetails, reasonOf, STATE_SENTENCES, workOf } from "./run_story";
import { Timeline } from "./run_timeline";
import { pathOf } from "./runs_query";
import { RunIds, STARTED_BY, Took } from "./runs_table";

const OPEN_MS = 3_000;
const ENDED_MS = 15_000;

/** One run: what it does, what happened, what comes next, and what a person can do. */
export function Run({ parameters: { id: run_id = "" } }: { parameters: Record<string, string> }) {
  const { api } = useSession();
  const [isOpen, setOpen] = useState(true);
  const {
    data: run,
    error,
    loading,
    reload,
  } = useQuery(
    `run ${run_id}`,
    () => read(api.GET("/runs/{run_id}", { params: { path: { run_id } } })),
    isOpen ? OPEN_MS : ENDED_MS,
  );
  useEffect(() => {
    if (run) setOpen(isChanging(run));
  }, [run]);
  return (
    <Page
      title={run ? titleOf(run) : "Run"}
      heading={run && <Text>{titleOf(run)}</Text>}
      description={run && <Text>{firstUpper(workOf(run))}</Text>}
      actions={run && <RunActions run={run} onChanged={reload} />}
    >
      <ErrorNotice error={error} what="The run can't be read" onRetry={reload} />
      {loading && <Loading what="the run" />}
      {run && (
        <>
          <State run={run} />
          <Timeline run={run} />
          <div class="columns">
            <Sent run={run} />
            <CameBack run={run} />
          </div>
          <About run={run} />
        </>
      )}
      <Terminal command={`aichats runs explain ${run_id}`} request={curl("GET", `/runs/${run_id}`)} />
    </Page>
  );
}

function isChanging(run: RunDetails): boolean {
  return OPEN_STATUSES.includes(run.status) || run.reply_status === "awaited";
}

function titleOf(run: RunDetails): string {
  return run.automation ? `Run of ${run.automation}` : "Run without an automation";
}

function firstUpper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The status in sentences: what it means, why, what happens next, and what a person can do. */
function State({ run }: { run: RunDetails }) {
  const reason = reasonOf(run);
  const advice = adviceFor(run);
  return (
    <section class={`section run-state ${run.status}`} aria-label="Status">
      <p class="state-line" role="status">
        <RunBadge status={run.status} /> <strong>{STATE_SENTENCES[run.status]}</strong> <Outlook run={run} />
      </p>
      {reason && (
        <p class="why">
          <span class="faint">Why:</span> <Text>{reason}</Text>
        </p>
      )}
      {run.error && run.status !== "succeeded" && <ErrorFacts error={run.error} />}
      {run.error?.replaced_by && run.error.replaced_by.length > 0 && <ReplacedBy ids={run.error.replaced_by} />}
      {advice && (
        <p>
          <strong>What you can do:</strong> {advice}
        </p>
      )}
    </section>
  );
}

function ErrorFacts({ error }: { error: Schemas["RunError"] }) {
  const facts: [string, ComponentChildren][] = [
    ["Kind of error", error.provider && error.type],
    ["HTTP status", error.status],
    ["Code", error.code && <Text>{error.code}</Text>],
    ["Rejected field", error.param && <Text>{error.param}</Text>],
    ["Field of the automation", error.field && <code>{error.field}</code>],
    ["Request at the provider", error.request_id && <Id>{error.request_id}</Id>],
  ];
  return facts.some(([, value]) => value) ? <Facts items={facts} /> : null;
}

function ReplacedBy({ ids }: { ids: readonly string[] }) {
  return (
    <div>
      <p>Replaced by:</p>
      <RunIds ids={ids} />
    </div>
  );
}

function About({ run }: { run: RunDetails }) {
  const labels = Object.entries(run.labels);
  const { automation, slot } = run;
  const facts: [string, ComponentChildren][] = [
    [
      "Automation",
      automation && (
        <Link to={`/automations/${automation}`}>
          <Text>{automation}</Text>
        </Link>
      ),
    ],
    ["Target", run.target && <Id>{run.target}</Id>],
    ["Started by", STARTED_BY[run.trigger] ?? run.trigger],
    ["Slot (the time to run for)", slot && <Slot at={slot} automation={automation} />],
    ["Created", <Time at={run.created_at} style="full" />],
    ["Ended", run.finished_at && <Time at={run.finished_at} style="full" />],
    ["Duration", <Took run={run} />],
    ["Attempts at the provider", String(run.attempts)],
    [
      "Labels",
      labels.length > 0 &&
        labels.map(([key, value]) => (
          <p key={key}>
            <Text>{`${key}: ${value}`}</Text>
          </p>
        )),
    ],
    ["Run", <Id>{run.run_id}</Id>],
  ];
  return (
    <Section title="About this run">
      <Facts items={facts.map(([name, value]) => [name, value || null])} />
      {automation && (
        <p class="run-links">
          <Link to={pathOf({ statuses: [], automation })}>All runs of this automation</Link>
          {slot && <Link to={pathOf({ statuses: [], automation, ...slotWindow(slot) })}>All runs of this slot</Link>}
        </p>
      )}
    </Section>
  );
}

function slotWindow(slot: string): { slot_since: string; slot_until: string } {
  const at = Date.parse(slot);
  return { slot_since: isoOf(at), slot_until: isoOf(at + 1000) };
}

/** A slot in the zone of the viewer and, if that is another one, in the zone of the automation. */
function Slot({ at, automation }: { at: string; automation: string | null }) {
  const { api, can } = useSession();
  const { zone } = useZone();
  const isReadable = automation !== null && can("get_automation");
  const own = useQuery(isReadable ? `zone of ${automation}` : null, async () => {
    const found = await read(api.GET("/automations/{name}", { params: { path: { name: automation ?? "" } } }));
    const trigger: object =
      "trigger" in found && typeof found.trigger === "object" && found.trigger ? found.trigger : {};
    return "timezone" in trigger ? knownZone(String(trigger.timezone)) : null;
  });
  return (
    <span class="stacked">
      <Time at={at} style="full" />
      {own.data && own.data !== zone && (
        <span class="faint">
          {own.data === "UTC" ? formatTime(at, "UTC") : `${formatTime(at, own.data)} (${own.data})`}
        </span>
      )}
    </span>
  );
}
