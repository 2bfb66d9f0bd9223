import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Properties {
  title: string;
  /** The title in the heading, if it needs more than a text. */
  heading?: ComponentChildren;
  description?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

/** A page with its heading, which gets the focus when the page opens, so that a screen reader reads it. */
export function Page({ title, heading, description, actions, children }: Properties) {
  const top = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · aichats`;
  }, [title]);
  // Only when the page opens: a title may change while a person types.
  useEffect(() => top.current?.focus({ preventScroll: true }), []);
  return (
    <main id="main">
      <header class="page-header">
        <div class="grow">
          <h1 ref={top} tabIndex={-1}>
            {heading ?? title}
          </h1>
          {description && <p class="faint">{description}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </main>
  );
}

/** A part of a page with a heading of its own. */
export function Section({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="section" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}
