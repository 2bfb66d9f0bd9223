import { type ComponentChildren, h, type LooseInputHTMLAttributes } from "preact";
import { useId } from "preact/hooks";

interface FieldProperties {
  label: string;
  /** The id of the input, if something else points to it. */
  id?: string | undefined;
  hint?: ComponentChildren;
  error?: string | null;
  /** Gets the attributes that connect the input with its label, its hint and its error. */
  children(attributes: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }): ComponentChildren;
}

/** An input with its label, a hint, and the reason why its value isn't accepted. */
export function Field({ label, id: given, hint, error, children }: FieldProperties) {
  const own = useId();
  const id = given ?? own;
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({
        id,
        ...(described ? { "aria-describedby": described } : {}),
        ...(error ? { "aria-invalid": true } : {}),
      })}
      {error && (
        <p class="field-error" id={`${id}-error`} role="alert">
          <span aria-hidden="true">✕ </span>
          {error}
        </p>
      )}
    </div>
  );
}

interface Common {
  label: string;
  id?: string;
  hint?: ComponentChildren;
  error?: string | null;
  value: string;
  onValue(value: string): void;
}

interface TextProperties extends Common {
  type?: "text" | "password" | "search" | "date" | "time" | "datetime-local" | "number" | "url";
  name?: string;
  placeholder?: string;
  required?: boolean;
  maxLength?: number;
  min?: string | number;
  max?: string | number;
  /** True for code, ids and expressions. */
  code?: boolean;
  /** The id of a <datalist> with suggestions. */
  list?: string;
  /** What the key Enter does, instead of submitting the form. */
  onEnter?(): void;
}

export function TextField(properties: TextProperties) {
  const { label, id, hint, error, value, onValue, type = "text", code, onEnter, ...rest } = properties;
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !onEnter) return;
    event.preventDefault();
    onEnter();
  };
  return (
    <Field label={label} id={id} hint={hint} error={error ?? null}>
      {(attributes) =>
        // Preact's types for JSX have an input for each `type`, but none for a `type` from outside.
        h<LooseInputHTMLAttributes, HTMLInputElement>("input", {
          ...rest,
          ...attributes,
          type,
          class: code ? "mono" : undefined,
          autoComplete: "off",
          spellcheck: code ? false : undefined,
          value,
          onInput: (event) => onValue(event.currentTarget.value),
          onKeyDown: press,
        })
      }
    </Field>
  );
}

interface AreaProperties extends Common {
  rows?: number;
  placeholder?: string;
  required?: boolean;
  code?: boolean;
}

export function TextArea({ label, id, hint, error, value, onValue, code, rows = 4, ...rest }: AreaProperties) {
  return (
    <Field label={label} id={id} hint={hint} error={error ?? null}>
      {(attributes) => (
        <textarea
          {...rest}
          {...attributes}
          rows={rows}
          class={code ? "mono" : undefined}
          spellcheck={code ? false : undefined}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface SelectProperties extends Common {
  options: readonly (readonly [value: string, text: string])[];
}

export function Select({ label, id, hint, error, value, onValue, options }: SelectProperties) {
  return (
    <Field label={label} id={id} hint={hint} error={error ?? null}>
      {(attributes) => (
        <select {...attributes} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {options.map(([each, text]) => (
            <option key={each} value={each}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

type CheckProperties = { label: ComponentChildren; hint?: string; checked: boolean; onChecked(checked: boolean): void };

export function Checkbox({ label, hint, checked, onChecked }: CheckProperties) {
  const id = useId();
  return (
    <div class="check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChecked(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {hint && (
          <p class="hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}
