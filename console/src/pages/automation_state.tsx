import { type AutomationView, zoneOf } from "../model/automation_words";
import { describeTrigger } from "../model/schedule_words";
import { Link } from "../router";
import { Distance, Time } from "../time";
import { Marks, StateBadge } from "../ui/status";
import { Text } from "../ui/text";
import { ZonedTime } from "../ui/zoned_time";

/** The state of an automation, and which part is paused. */
export function ShortState({ automation: { state, paused } }: { automation: AutomationView }) {
  if (!paused) return <StateBadge state={state} />;
  if (paused.scope === "trigger") return <StateBadge state="disabled" />;
  return <StateBadge state="paused" text={paused.scope === "stack" ? "stack paused" : "paused"} />;
}

/** The state of an automation. If it is paused: until when. */
export function AutomationState({ automation }: { automation: AutomationView }) {
  const { paused } = automation;
  if (!paused || paused.scope === "trigger") return <ShortState automation={automation} />;
  return (
    <span class="lines">
      <ShortState automation={automation} />
      <span class="faint">
        {paused.until ? (
          <>
            until <Time at={paused.until} />
          </>
        ) : (
          "until you resume"
        )}
      </span>
    </span>
  );
}

/** When an automation fires next, in the viewer's zone and its own. */
export function NextTime({ automation }: { automation: AutomationView }) {
  if (automation.next_at) return <ZonedTime at={automation.next_at} zone={zoneOf(automation)} />;
  return <span class="faint">{automation.trigger.type === "webhook" ? "With the next event" : "None"}</span>;
}

/** What starts an automation, in words. Texts of a webhook are by others. */
export function TriggerWords({ automation }: { automation: AutomationView }) {
  return <Text>{describeTrigger(automation.trigger)}</Text>;
}

/** The newest runs of an automation as a row of marks, with their age, which links to the runs. */
export function LastResult({ automation, linked }: { automation: AutomationView; linked: boolean }) {
  const last = automation.last_run;
  if (!last) return <span class="faint">No runs yet</span>;
  const age = <Distance at={last.at} />;
  return (
    <span class="lines">
      <Marks counts={last.counts} all={last.counted_all} />
      {linked ? (
        <Link to={runsOf(automation.name)}>
          {age} <span class="hidden">: runs of {automation.name}</span>
        </Link>
      ) : (
        <span class="faint">{age}</span>
      )}
    </span>
  );
}

/** Return the page with all runs of an automation. */
export function runsOf(name: string): string {
  return `/runs?automation=${encodeURIComponent(name)}`;
}
