// Texts that others wrote: titles, messages, names, errors. They are shown as they are and can't change what is around.

import type { ComponentChildren } from "preact";
import { Copy } from "./button";
import { Scrollable } from "./scrollable";

// Control and format characters, some of which change the direction of a text. A person must see that they are there.
// Emoji are joined by U+200D, so it stays.
const HIDDEN = /(?![\n\t\u200d])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Return a text in which hidden characters are written as their code, such as ⟨U+202E⟩. */
export function visible(text: string): string {
  return text.replace(
    HIDDEN,
    (character) => `⟨U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
}

/** A short text by others, in one line of its own direction. */
export function Text({ children }: { children: string }) {
  return <bdi>{visible(children)}</bdi>;
}

/** A long text by others, with its line breaks. It scrolls if it is long. */
export function LongText({ children, label }: { children: string; label: string }) {
  return (
    <Scrollable label={label}>
      <p class="long-text" dir="auto">
        {visible(children)}
      </p>
    </Scrollable>
  );
}

/** An id that people copy. */
export function Id({ children }: { children: string }) {
  return (
    <span class="id">
      <code>{children}</code> <Copy text={children} label="Copy" />
    </span>
  );
}

/** Data as JSON. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <Scrollable label={label}>
      <pre>{visible(JSON.stringify(value, null, 2))}</pre>
    </Scrollable>
  );
}

/** Names with their values, one below the other. Values that are null are left out. */
export function Facts({ items }: { items: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {items
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
