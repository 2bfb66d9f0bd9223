import { useId, useState } from "preact/hooks";
import { problemAt, read } from "../api/client";
import { useAction, useQuery } from "../hooks";
import { type AutomationView, zoneOf } from "../model/automation_words";
import { count } from "../model/words";
import { instantOf, isoOf } from "../model/zoned";
import { useSession } from "../session";
import { useZone } from "../time";
import { Confirm } from "../ui/dialog";
import { TextField } from "../ui/form";
import { curl, quoted, Terminal } from "../ui/terminal";
import { useToast } from "../ui/toast";
import { presetsAt, WhenField } from "../ui/when";
import { ZonedTime } from "../ui/zoned_time";
import type { DeedProperties } from "./automation_deeds";

type Length = "open" | "tomorrow" | "monday" | "dates";
interface Span {
  /** Instants; null for now, and for no end. */
  readonly from: number | null;
  readonly until: number | null;
}

/** Asks how long an automation pauses, and says which of its times are left out. */
export function PauseDialog({ automation, onChanged, onClose }: DeedProperties) {
  const { api } = useSession();
  const toast = useToast();
  const viewer = useZone().zone;
  const { name } = automation;
  const zone = zoneOf(automation) ?? viewer;
  const [length, setLength] = useState<Length>("open");
  const [dates, setDates] = useState({ from: "", until: "" });
  const [reason, setReason] = useState("");
  const [opened] = useState(Date.now);
  const span = spanOf(length, dates, opened, zone);
  const body = {
    from: span.from === null ? null : isoOf(span.from),
    until: span.until === null ? null : isoOf(span.until),
    reason: reason.trim() || null,
  };
  const pause = useAction(() => read(api.POST("/automations/{name}/pause", { params: { path: { name } }, body })));
  const done = (changed: AutomationView) => {
    toast(changed.paused ? `Paused ${name}` : `Planned a pause of ${name}`);
    onChanged();
    onClose();
  };
  const isPlanned = span.from !== null && span.from > opened;
  return (
    <Confirm
      title={`Pause ${name}`}
      verb={isPlanned ? `Plan the pause of ${name}` : `Pause ${name}`}
      action={pause}
      failure={`${name} is not paused`}
      onDone={done}
      onClose={onClose}
    >
      <LengthChoice zone={zone} now={opened} length={length} onLength={setLength} />
      {length === "dates" && (
        <>
          <WhenField
            label="From"
            zone={zone}
            value={dates.from}
            onValue={(from) => setDates({ ...dates, from })}
            hint="The first time that is skipped. Leave it empty to begin now."
            error={problemAt(pause.error, "from")}
          />
          <WhenField
            label="Until"
            zone={zone}
            value={dates.until}
            onValue={(until) => setDates({ ...dates, until })}
            hint="The first time that runs again. Leave it empty to pause until you resume."
            error={orderProblem(span, opened) ?? problemAt(pause.error, "until")}
          />
        </>
      )}
      <TextField
        label="Reason, for your colleagues (optional)"
        value={reason}
        onValue={setReason}
        maxLength={200}
        error={problemAt(pause.error, "reason")}
      />
      <Effect automation={automation} span={span} now={opened} />
      <Terminal command={command(name, body)} request={curl("POST", `/automations/${name}/pause`, body)} />
    </Confirm>
  );
}

interface ChoiceProperties {
  zone: string;
  now: number;
  length: Length;
  onLength(length: Length): void;
}

function LengthChoice({ zone, now, length, onLength }: ChoiceProperties) {
  const id = useId();
  const choices: [Length, string][] = [
    ["open", "Until you resume"],
    ["tomorrow", "Until tomorrow at 09:00"],
    ["monday", "Until Monday at 00:00"],
    ["dates", "Choose the dates"],
  ];
  return (
    <fieldset class="answers">
      <legend>How long?</legend>
      {choices.map(([value, text]) => {
        const { until } = spanOf(value, { from: "", until: "" }, now, zone);
        return (
          <label key={value}>
            <input type="radio" name={id} checked={length === value} onChange={() => onLength(value)} />
            <span class="lines">
              {text}
              {until !== null && (
                <span class="faint">
                  <ZonedTime at={isoOf(until)} zone={zone} />
                </span>
              )}
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

/** What the pause leaves out. Nothing is said if it can't be read: the pause works all the same. */
function Effect({ automation, span, now }: { automation: AutomationView; span: Span; now: number }) {
  const { api } = useSession();
  const { name, trigger } = automation;
  const isSchedule = trigger.type === "schedule";
  const times = useQuery(isSchedule ? `times of ${name}` : null, async () => {
    const found = await read(
      api.GET("/automations/{name}/preview", { params: { path: { name }, query: { count: TIMES } } }),
    );
    return Array.isArray(found) ? found : [];
  });
  if (!isSchedule)
    return <p>The runs of events that come during the pause are stored as skipped. You can replay them.</p>;
  if (!times.data) return null;
  const begin = span.from ?? now;
  const isLeftOut = (at: number) => at >= begin && (span.until === null || at < span.until);
  const left = times.data.filter(({ utc }) => isLeftOut(Date.parse(utc)));
  const next = times.data.find(({ utc }) => !isLeftOut(Date.parse(utc)));
  const atLeast = left.length > 0 && left.at(-1) === times.data.at(-1) ? "At least " : "";
  return (
    <div role="status">
      {span.until === null ? (
        <p>It doesn't run {span.from === null ? "" : "after that time "}until you resume it.</p>
      ) : (
        <p>
          {left.length === 0 ? "The pause leaves out no time." : `${atLeast}${count(left.length, "time")} left out.`}
        </p>
      )}
      {next && span.until !== null && (
        <p class="beside">
          Next time with this pause: <ZonedTime at={next.utc} zone={zoneOf(automation)} />
        </p>
      )}
    </div>
  );
}

const TIMES = 100;

function spanOf(length: Length, dates: { from: string; until: string }, now: number, zone: string): Span {
  const tomorrow = presetsAt(now, zone)[1]?.[1] ?? "";
  const monday = presetsAt(now, zone)[2]?.[1].slice(0, 10);
  switch (length) {
    case "open":
      return { from: null, until: null };
    case "tomorrow":
      return { from: null, until: instantOf(tomorrow, zone) };
    case "monday":
      return { from: null, until: instantOf(`${monday}T00:00`, zone) };
    case "dates":
      return { from: instantOf(dates.from, zone), until: instantOf(dates.until, zone) };
  }
}

function orderProblem({ from, until }: Span, now: number): string | null {
  if (until === null || until > Math.max(from ?? now, now)) return null;
  return from !== null && until <= from ? "must be later than the begin" : "must be in the future";
}

function command(
  name: string,
  { from, until, reason }: { from: string | null; until: string | null; reason: string | null },
) {
  const options = [from && `--from ${from}`, until && `--until ${until}`, reason && `--reason ${quoted(reason)}`];
  return ["aichats auto pause", quoted(name), ...options.filter(Boolean)].join(" ");
}
