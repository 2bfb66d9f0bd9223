// A date and a time, with the zone in which they are meant.

import { useId } from "preact/hooks";
import { instantOf, localOf } from "../model/zoned";
import { formatDistance, formatTime } from "../time";
import { Button } from "./button";
import { TextField } from "./form";

interface Properties {
  label: string;
  /** The zone of the wall-clock time. */
  zone: string;
  /** The wall-clock time, such as "2026-12-24T18:00"; "" for none. */
  value: string;
  onValue(value: string): void;
  error?: string | null;
  hint?: string;
  required?: boolean;
  /** Show buttons for common times. */
  presets?: boolean;
}

/** An input for a time. It names its zone, and says how far away the time is. */
export function WhenField({ label, zone, value, onValue, error, hint, required, presets }: Properties) {
  const id = useId();
  const instant = instantOf(value, zone);
  const meaning = instant === null ? hint : `${formatTime(instant, zone)}, ${formatDistance(instant, Date.now())}`;
  return (
    <div class="when">
      <TextField
        label={`${label} (${zone})`}
        type="datetime-local"
        value={value}
        onValue={onValue}
        error={error ?? null}
        hint={meaning}
        required={required ?? false}
      />
      {presets && (
        <fieldset class="presets" aria-labelledby={id}>
          <legend id={id} class="hidden">
            Common times for {label}
          </legend>
          {presetsAt(Date.now(), zone).map(([text, time]) => (
            <Button key={text} kind="quiet" onClick={() => onValue(time)}>
              {text}
            </Button>
          ))}
        </fieldset>
      )}
    </div>
  );
}

/** Return common times after an instant, as wall-clock times in a zone. */
export function presetsAt(now: number, zone: string): [text: string, time: string][] {
  const today = localOf(now, zone);
  const weekday = new Date(`${today}Z`).getUTCDay();
  const dayAfter = (days: number) => new Date(Date.parse(`${today}Z`) + days * 86_400_000).toISOString().slice(0, 10);
  return [
    ["In one hour", localOf(now + 3_600_000, zone)],
    ["Tomorrow at 09:00", `${dayAfter(1)}T09:00`],
    ["Monday at 09:00", `${dayAfter((8 - weekday) % 7 || 7)}T09:00`],
  ];
}
