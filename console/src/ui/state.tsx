// What a page shows before, instead of, or beside its content: progress, errors, notices, and an empty list.

import type { ComponentChildren } from "preact";
import { ApiError } from "../api/client";
import { Button } from "./button";

export function Loading({ what }: { what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what}…
    </p>
  );
}

type NoticeKind = "info" | "success" | "warning" | "error";
const SIGNS: Record<NoticeKind, string> = { info: "i", success: "✓", warning: "!", error: "✕" };

interface NoticeProperties {
  kind?: NoticeKind;
  title: ComponentChildren;
  children?: ComponentChildren;
  actions?: ComponentChildren;
}

/** A message on the page. A screen reader reads an error as soon as it appears. */
export function Notice({ kind = "info", title, children, actions }: NoticeProperties) {
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      <span class="sign" aria-hidden="true">
        {SIGNS[kind]}
      </span>
      <div class="grow">
        <p class="title">{title}</p>
        {children}
      </div>
      {actions && <div class="actions">{actions}</div>}
    </div>
  );
}

/** An error: what happened, why, and the id for the logs. `what` is the beginning, such as "The runs can't be shown". */
export function ErrorNotice({ error, what, onRetry }: { error: Error | null; what: string; onRetry?: () => void }) {
  if (error === null) return null;
  const retry = onRetry && <Button onClick={onRetry}>Try again</Button>;
  return (
    <Notice kind="error" title={what} actions={retry}>
      <p>{error.message}</p>
      {error instanceof ApiError && error.problem && (
        <>
          {(error.problem.errors ?? []).length > 0 && (
            <ul>
              {error.problem.errors?.map((each) => (
                <li key={each.field + each.message}>
                  <code>{each.field}</code>: {each.message}
                </li>
              ))}
            </ul>
          )}
          {error.problem.request_id && (
            <p class="faint">
              Request <code>{error.problem.request_id}</code>
            </p>
          )}
        </>
      )}
    </Notice>
  );
}

/** An empty list: why it is empty, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {children}
    </div>
  );
}
