// A pattern for each status, so that bars differ even without color.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { EndStatus } from "./usage_numbers";

const SIZE = 6;
const LINES: Record<EndStatus, ComponentChildren> = {
  succeeded: null,
  skipped: <path d="M0 3H6" />,
  cancelled: <path d="M3 0V6" />,
  missed: <circle cx="3" cy="3" r="1.6" />,
  failed: <path d="M-1.5 1.5L1.5-1.5M0 6L6 0M4.5 7.5L7.5 4.5" />,
  unknown: <path d="M0 0L6 6M6 0L0 6" />,
};

/** The patterns of an image. Use them as `url(#PREFIX-STATUS)`. */
export function Patterns({ prefix, statuses }: { prefix: string; statuses: readonly EndStatus[] }) {
  return (
    <defs>
      {statuses.map((status) => (
        <pattern
          key={status}
          id={`${prefix}-${status}`}
          class={`pattern ${status}`}
          width={SIZE}
          height={SIZE}
          patternUnits="userSpaceOnUse"
        >
          <rect width={SIZE} height={SIZE} />
          {LINES[status]}
        </pattern>
      ))}
    </defs>
  );
}

/** The pattern of a status beside its name. */
export function Swatch({ status }: { status: EndStatus }) {
  const prefix = useId();
  return (
    <svg class={`swatch ${status}`} width="16" height="16" aria-hidden="true">
      <Patterns prefix={prefix} statuses={[status]} />
      <rect
        class={`plot-bar ${status}`}
        x="1.5"
        y="1.5"
        width="13"
        height="13"
        rx="2"
        fill={`url(#${prefix}-${status})`}
      />
    </svg>
  );
}
