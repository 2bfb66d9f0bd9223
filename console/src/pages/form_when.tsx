// The first step of the form: when the automation runs.

import { UNITS, type When, type WhenKind } from "../model/draft_when";
import { WEEKDAYS } from "../model/schedule_words";
import { useSession } from "../session";
import { Field, Select, TextField } from "../ui/form";
import { FormEvents } from "./form_events";
import { Choices, type EditProperties, fieldId, Step } from "./form_fields";
import { FormZone } from "./form_zone";

const KINDS: readonly (readonly [WhenKind, string])[] = [
  ["daily", "Every day"],
  ["weekdays", "Monday to Friday"],
  ["weekly", "Days of the week"],
  ["monthly", "Day of the month"],
  ["interval", "At intervals"],
  ["once", "Once"],
  ["webhook", "On a Whop event"],
  ["expression", "Expression"],
];
const BY_THE_CLOCK = "By the clock of the time zone.";
const DAYS_OF_MONTH: readonly (readonly [string, string])[] = [
  ...Array.from({ length: 31 }, (_, index) => [String(index + 1), `Day ${index + 1}`] as const),
  ["L", "The last day"],
];
const FROM_MONDAY = [2, 3, 4, 5, 6, 7, 1];
const EXPRESSION = fieldId("trigger.expression");

interface Properties extends EditProperties {
  /** The meaning and the next times of the schedule. */
  preview: preact.ComponentChildren;
}

export function FormWhen({ preview, ...edit }: Properties) {
  const { me } = useSession();
  const { when } = edit.draft;
  // The events of all companies arrive together, so a client with a limit may only use schedules.
  const kinds = KINDS.filter(([kind]) => kind !== "webhook" || me.companies === null || when.kind === "webhook");
  const set = (changes: Partial<When>) => edit.change({ when: { ...when, ...changes } });
  return (
    <Step number={1} title="When does it run?">
      <Choices legend="When" name="when" value={when.kind} options={kinds} onValue={(kind) => set({ kind })} />
      {when.kind === "webhook" ? (
        <FormEvents {...edit} set={set} />
      ) : (
        <>
          {when.kind === "weekly" && <Weekdays when={when} set={set} error={edit.problem("trigger.expression")} />}
          <div class="form-row">
            <TimeFields when={when} set={set} error={edit.problem("trigger.expression")} />
            <FormZone value={when.timezone} onValue={(timezone) => set({ timezone })} problem={edit.problem} />
          </div>
          {preview}
        </>
      )}
    </Step>
  );
}

interface TimeProperties {
  when: When;
  set(changes: Partial<When>): void;
  error: string | null;
}

function TimeFields(properties: TimeProperties) {
  const { when, set, error } = properties;
  switch (when.kind) {
    case "weekly":
      return <TimeOfDay {...properties} error={when.days.length > 0 ? error : null} />;
    case "monthly":
      return (
        <>
          <Select
            label="Day"
            hint="Months without the day are left out."
            value={when.day}
            options={DAYS_OF_MONTH}
            onValue={(day) => set({ day })}
          />
          <TimeOfDay {...properties} />
        </>
      );
    case "interval":
      return <Interval {...properties} />;
    case "once":
      return (
        <TextField
          label="Date and time"
          hint={BY_THE_CLOCK}
          id={EXPRESSION}
          type="datetime-local"
          value={when.once}
          onValue={(once) => set({ once })}
          error={error}
        />
      );
    case "expression":
      return <Expression {...properties} />;
    default:
      return <TimeOfDay {...properties} />;
  }
}

function TimeOfDay({ when, set, error }: TimeProperties) {
  return (
    <TextField
      label="Time"
      hint={BY_THE_CLOCK}
      id={EXPRESSION}
      type="time"
      value={when.time}
      onValue={(time) => set({ time })}
      error={error}
    />
  );
}

function Weekdays({ when, set, error }: TimeProperties) {
  const toggle = (day: number) =>
    set({ days: when.days.includes(day) ? when.days.filter((each) => each !== day) : [...when.days, day] });
  return (
    <fieldset class="weekdays">
      <legend>Days</legend>
      {FROM_MONDAY.map((day, index) => (
        <label key={day} class="form-choice">
          <input
            type="checkbox"
            id={index === 0 && when.days.length === 0 ? EXPRESSION : undefined}
            aria-label={WEEKDAYS[day - 1]}
            checked={when.days.includes(day)}
            onChange={() => toggle(day)}
          />
          {WEEKDAYS[day - 1]?.slice(0, 3)}
        </label>
      ))}
      {when.days.length === 0 && error && (
        <p class="field-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}

function Interval({ when, set, error }: TimeProperties) {
  return (
    <Field label="Every" hint="Counted from the minute after saving." error={error} id={EXPRESSION}>
      {(attributes) => (
        <div class="joined">
          <input
            {...attributes}
            type="number"
            min={1}
            inputMode="numeric"
            value={when.every}
            onInput={(event) => set({ every: event.currentTarget.value })}
          />
          <select aria-label="Unit" value={when.unit} onChange={(event) => set({ unit: event.currentTarget.value })}>
            {UNITS.map((unit) => (
              <option key={unit} value={unit}>
                {unit}
              </option>
            ))}
          </select>
        </div>
      )}
    </Field>
  );
}

function Expression({ when, set, error }: TimeProperties) {
  return (
    <TextField
      label="Expression"
      id={EXPRESSION}
      hint={
        <>
          <code>cron(minutes hours day-of-month month day-of-week year)</code>, <code>rate(value unit)</code> or{" "}
          <code>at(yyyy-mm-ddThh:mm:ss)</code>. One of the two days is <code>?</code>, and 1 is Sunday.
        </>
      }
      code
      maxLength={256}
      value={when.expression}
      onValue={(expression) => set({ expression })}
      error={error}
    />
  );
}
