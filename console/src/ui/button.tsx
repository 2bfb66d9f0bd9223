import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Link } from "../router";

type Kind = "primary" | "danger" | "plain" | "quiet";

interface ButtonProperties {
  kind?: Kind;
  /** True while the action of the button is performed. Then it can't be pressed again, and keeps the focus. */
  busy?: boolean;
  disabled?: boolean;
  type?: "button" | "submit";
  onClick?(): void;
  /** The name for screen readers, if the text alone doesn't say what the button does. */
  label?: string;
  expanded?: boolean;
  children: ComponentChildren;
}

export function Button(properties: ButtonProperties) {
  const {
    kind = "plain",
    busy = false,
    disabled = false,
    type = "button",
    onClick,
    label,
    expanded,
    children,
  } = properties;
  const press = (event: Event) => {
    if (busy) event.preventDefault();
    else onClick?.();
  };
  return (
    <button
      type={type}
      class={`button ${kind}`}
      disabled={disabled}
      aria-busy={busy}
      aria-disabled={busy}
      aria-label={label}
      aria-expanded={expanded}
      onClick={press}
    >
      {children}
    </button>
  );
}

interface LinkButtonProperties {
  kind?: Kind;
  to: string;
  /** The name for screen readers, if the text alone doesn't say where the link leads. It begins with the text. */
  label?: string;
  children: ComponentChildren;
}

/** A link that looks like a button. */
export function LinkButton({ kind = "plain", to, label, children }: LinkButtonProperties) {
  return (
    <Link to={to} class={`button ${kind}`} {...(label ? { "aria-label": label } : {})}>
      {children}
    </Link>
  );
}

/** A button that copies a text. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [result, setResult] = useState<string | null>(null);
  const copy = async () => {
    const copied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    setResult(copied ? "Copied" : "Select the text, then press Ctrl+C");
    setTimeout(() => setResult(null), 2500);
  };
  return (
    <button type="button" class="button quiet small" onClick={copy}>
      <span aria-live="polite">{result ?? label}</span>
    </button>
  );
}
