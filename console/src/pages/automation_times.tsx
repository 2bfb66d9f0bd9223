import { useState } from "preact/hooks";
import { type Schemas, take } from "../api/client";
import { useQuery } from "../hooks";
import { type AutomationView, type Deed, NEEDED, zoneOf } from "../model/automation_words";
import { useSession } from "../session";
import { Distance, Time, useZone } from "../time";
import { Button } from "../ui/button";
import { Section } from "../ui/page";
import { ErrorNotice, Loading } from "../ui/state";
import { type Column, Table } from "../ui/table";
import { Text } from "../ui/text";
import { formatInZone, ZonedTime } from "../ui/zoned_time";
import { RemovePlannedPause } from "./automation_resume";
import { TriggerWords } from "./automation_state";

type FireTime = Schemas["FireTime"];
type Pause = Schemas["ShownPause"];
interface Properties {
  automation: AutomationView;
  onDeed(deed: Deed): void;
  onChanged(): void;
}

/** When an automation runs: its trigger in words, its pauses, and its next times. */
export function When({ automation, onDeed, onChanged }: Properties) {
  const { can } = useSession();
  const { trigger, pauses } = automation;
  const [removed, setRemoved] = useState<string | null>(null);
  // A pause can be planned while another one is effective. The header has the button if none is.
  const plan = can(...NEEDED.pause) && automation.paused !== null && (
    <Button onClick={() => onDeed("pause")}>Plan another pause</Button>
  );
  return (
    <Section title="When" actions={plan}>
      <p class="lead">
        <TriggerWords automation={automation} />
      </p>
      {trigger.type === "schedule" ? <Schedule trigger={trigger} /> : <Events trigger={trigger} />}
      {pauses.length > 0 && <Pauses pauses={pauses} onRemove={can(...NEEDED.resume) ? setRemoved : null} />}
      {trigger.type === "schedule" && <NextTimes automation={automation} />}
      {removed !== null && (
        <RemovePlannedPause
          automation={automation}
          from={removed}
          onChanged={onChanged}
          onClose={() => setRemoved(null)}
        />
      )}
    </Section>
  );
}

function Schedule({ trigger }: { trigger: Schemas["ScheduleTrigger"] }) {
  const { expression, timezone = "UTC", start, end } = trigger;
  return (
    <p class="faint beside">
      <code>{expression}</code>
      {expression.startsWith("rate") || <span>{timezone}</span>}
      {start && (
        <span>
          from <Time at={start} />
        </span>
      )}
      {end && (
        <span>
          until <Time at={end} />
        </span>
      )}
    </p>
  );
}

/** The words about a trigger name so many events. */
const SAID = 2;

function Events({ trigger }: { trigger: Schemas["WebhookTrigger"] }) {
  return (
    <>
      {trigger.events.length > SAID && (
        <ul class="tags">
          {trigger.events.map((event) => (
            <li key={event}>
              <code>{event}</code>
            </li>
          ))}
        </ul>
      )}
      {trigger.filter && (
        <div class="lines">
          <h3>Only if this is true (filter)</h3>
          <code class="box">
            <Text>{trigger.filter}</Text>
          </code>
        </div>
      )}
    </>
  );
}

function Pauses({ pauses, onRemove }: { pauses: readonly Pause[]; onRemove: ((from: string) => void) | null }) {
  return (
    <div class="lines">
      <h3>Pauses</h3>
      <ul class="pauses">
        {pauses.map((pause) => (
          <li key={pause.from + pause.until}>
            <span class="lines">
              <span>
                <Time at={pause.from} /> – {pause.until ? <Time at={pause.until} /> : "until you resume"}
              </span>
              <span class="faint">
                <PauseReason pause={pause} />
              </span>
            </span>
            {onRemove && Date.parse(pause.from) > Date.now() && (
              <Button
                kind="quiet"
                label={`Remove the pause that begins at ${pause.from}`}
                onClick={() => onRemove(pause.from)}
              >
                Remove
              </Button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function PauseReason({ pause: { reason, by } }: { pause: Pause }) {
  if (by === "budget") return "Its budget is used up";
  return (
    <>
      {reason && <Text>{reason}</Text>}
      {by && (
        <>
          {reason && " · "}by <Text>{by}</Text>
        </>
      )}
    </>
  );
}

interface Next {
  readonly times: readonly FireTime[];
  readonly leftOut: readonly Interval[];
}
/** A pause that leaves out times. `until` is null without an end. */
interface Interval {
  readonly from: string;
  readonly until: string | null;
}

function NextTimes({ automation }: { automation: AutomationView }) {
  const { api } = useSession();
  const { name, etag, pauses, state } = automation;
  const next = useQuery<Next>(
    `next times of ${name} ${etag} ${JSON.stringify(pauses)}`,
    async () => {
      const query = { count: 5 };
      const { data, headers } = await take(
        api.GET("/automations/{name}/preview", { params: { path: { name }, query } }),
      );
      return { times: Array.isArray(data) ? data : data.times, leftOut: intervals(headers.get("Paused")) };
    },
    15_000,
  );
  const isDisabled = automation.paused?.scope === "trigger";
  return (
    <>
      <ErrorNotice error={next.error} what="The next times can't be read" onRetry={next.reload} />
      {next.loading && <Loading what="the next times" />}
      {next.data?.leftOut.map((interval) => (
        <LeftOut key={interval.from} interval={interval} />
      ))}
      {next.data?.times.length === 0 && (
        <p class="faint">{state === "done" ? "It has fired for the last time." : "It has no next time."}</p>
      )}
      {next.data && next.data.times.length > 0 && (
        <>
          {isDisabled && <p class="faint">If you enable it, these are its next times:</p>}
          <Times automation={automation} times={next.data.times} />
        </>
      )}
    </>
  );
}

function LeftOut({ interval: { from, until } }: { interval: Interval }) {
  return (
    <p class="faint">
      A pause leaves out times from <Time at={from} />{" "}
      {until ? (
        <>
          until <Time at={until} />
        </>
      ) : (
        "until you resume"
      )}
      .
    </p>
  );
}

function Times({ automation, times }: { automation: AutomationView; times: readonly FireTime[] }) {
  const viewer = useZone().zone;
  const zone = zoneOf(automation);
  const columns: Column<FireTime>[] = [
    { title: `Next times in ${viewer}`, cell: ({ utc }) => <ZonedTime at={utc} zone={null} /> },
  ];
  if (zone !== null && zone !== viewer) {
    columns.push({ title: `In ${zone}`, cell: ({ utc }) => formatInZone(utc, zone).replace(` ${zone}`, "") });
  }
  columns.push({ title: "From now", cell: ({ utc }) => <Distance at={utc} /> });
  return <Table caption={`Next times of ${automation.name}`} rows={times} id={({ utc }) => utc} columns={columns} />;
}

/** Return the intervals of the header `Paused`, such as "2026-12-24T00:00:00Z/2027-01-02T00:00:00Z". */
function intervals(header: string | null): Interval[] {
  return (header ?? "").split(",").flatMap((text) => {
    const [from = "", until = ""] = text.trim().split("/");
    return from ? [{ from, until: until === ".." ? null : until }] : [];
  });
}
