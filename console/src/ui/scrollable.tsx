import type { ComponentChildren } from "preact";

/** A box with its own scroll bars. It gets the focus, so that people without a pointer can scroll it. */
export function Scrollable({
  label,
  children,
  kind = "box",
}: {
  label: string;
  children: ComponentChildren;
  kind?: "box" | "table";
}) {
  return (
    <section class={kind} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
