// The values that a text of an automation can contain: {{ slot.date }}, or {{ event.data.id }}.

import { isObject, type JsonObject } from "./json";

export interface TemplateValue {
  readonly expression: string;
  /** What it is, or an example. */
  readonly example: string;
}

export const SCHEDULE_VALUES: readonly TemplateValue[] = [
  { expression: "slot.date", example: "the date of the run, such as 2026-11-23" },
  { expression: "slot.time", example: "its time, such as 09:00" },
  { expression: "slot.week", example: "its week, such as 2026-W48" },
  { expression: "slot.iso", example: "its date and time, such as 2026-11-23T09:00:00-05:00" },
  { expression: "target", example: "the target, such as biz_A" },
  { expression: "automation", example: "the name of the automation" },
];

const MOST_FIELDS = 40;
const MOST_CHARACTERS = 60;

/** Return the fields of an example event that are a text, a number or a boolean. */
export function eventValues(example: JsonObject): TemplateValue[] {
  const { data, ...envelope } = example;
  const found = isObject(data) ? [...fields(data, "event.data")] : [];
  return [...found, ...fields(envelope, "event")].slice(0, MOST_FIELDS);
}

function* fields(value: JsonObject, within: string): Generator<TemplateValue> {
  for (const [name, each] of Object.entries(value)) {
    if (!/^[A-Za-z_]\w*$/.test(name)) continue;
    const expression = `${within}.${name}`;
    if (isObject(each)) yield* fields(each, expression);
    else if (each !== null && typeof each !== "object") yield { expression, example: shortened(String(each)) };
  }
}

function shortened(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
