// What the parts of the form share: the draft, how it is changed, and the problems at its fields.

import type { ComponentChildren } from "preact";
import type { Draft } from "../model/draft";
import type { FieldProblem } from "../model/draft_gaps";

export interface EditProperties {
  readonly draft: Draft;
  change(changes: Partial<Draft>): void;
  /** Return the problem of a field of the API, or of a field within it. */
  problem(field: string): string | null;
}

/** Return the id of the input for a field of the API. */
export function fieldId(field: string): string {
  return `field-${field}`;
}

/** Return a function that finds the problem of a field. */
export function problemsByField(problems: readonly FieldProblem[]): (field: string) => string | null {
  return (field) => {
    const found = problems.find((each) => each.field === field || each.field.startsWith(`${field}.`));
    if (!found) return null;
    const within = found.field.slice(field.length + 1).replace(".[key]", "");
    return within ? `${within}: ${found.message}` : found.message;
  };
}

/** Return a message in which a number of the list is the value itself. The API counts from 0. */
export function withValue(message: string | null, values: readonly (string | null)[]): string | null {
  return message?.replace(/^(?:item )?(\d+): /, (_, index) => `“${values[Number(index)]}”: `) ?? null;
}

interface ChoicesProperties<T extends string> {
  legend: string;
  name: string;
  value: T;
  options: readonly (readonly [value: T, text: string, hint?: string])[];
  onValue(value: T): void;
}

/** A choice of one among a few, all of which are visible. */
export function Choices<T extends string>({ legend, name, value, options, onValue }: ChoicesProperties<T>) {
  return (
    <fieldset class="form-choices">
      <legend class="hidden">{legend}</legend>
      {options.map(([each, text, hint]) => (
        <label key={each} class="form-choice">
          <input type="radio" name={name} checked={each === value} onChange={() => onValue(each)} />
          <span>
            {text}
            {hint && <span class="hint">{hint}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** A step of the form: a number, a question, and what belongs to it. */
export function Step({ number, title, children }: { number: number; title: string; children: ComponentChildren }) {
  return (
    <section class="section step" aria-label={title}>
      <header>
        <h2>
          <span class="step-number" aria-hidden="true">
            {number}
          </span>
          {title}
        </h2>
      </header>
      {children}
    </section>
  );
}
