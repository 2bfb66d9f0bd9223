// The plot of usage: a bar for each day, and the numbers of the day that a person points at or chooses with the keys.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { amount } from "../model/words";
import { Link } from "../router";
import { brief, type DayUsage, END_STATUSES, inWords, longDay, runsQuery, shortDay, ticksUpTo } from "./usage_numbers";
import { Patterns } from "./usage_patterns";

const TOP = 26;
const BOTTOM = 22;
const RIGHT = 8;
const RUNS_HEIGHT = 230;
const TOKENS_HEIGHT = 124;
/** The least height of a status with runs: one failed run of thousands must be visible. */
const LEAST = 3;
const LABEL_WIDTH = 62;
const CHARACTER_WIDTH = 7;

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  /** The width of a day. */
  readonly step: number;
  readonly ticks: readonly number[];
}

interface Properties {
  days: readonly DayUsage[];
  automation: string | null;
  /** True if the person may see runs. */
  canSeeRuns: boolean;
}

export function UsagePlot({ days, automation, canSeeRuns }: Properties) {
  const [box, width] = useWidth();
  const [pinned, setPinned] = useState<number | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const last = days.length - 1;
  const shown = pointed ?? (pinned === null ? null : Math.min(pinned, last));
  const runTicks = ticksUpTo(Math.max(...days.map((day) => day.runs.total)), 5);
  const tokenTicks = ticksUpTo(Math.max(...days.map((day) => Number(day.tokens))), 2);
  const longest = Math.max(...[...runTicks, ...tokenTicks].map((tick) => brief(tick).length));
  const left = longest * CHARACTER_WIDTH + 10;
  const step = Math.max(width - left - RIGHT, 1) / days.length;
  const hasTokens = days.some((day) => Number(day.tokens) > 0);
  const frame = { width, left, step };
  const at = (event: MouseEvent & { currentTarget: HTMLElement }) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left - left;
    return Math.min(Math.max(Math.floor(x / step), 0), last);
  };
  return (
    <div class="usage-plot">
      <ReadOut day={shown === null ? undefined : days[shown]} automation={automation} canSeeRuns={canSeeRuns} />
      <div
        ref={box}
        class="plots"
        role="slider"
        tabIndex={0}
        aria-label="Day of the plot"
        aria-orientation="horizontal"
        aria-valuemin={1}
        aria-valuemax={days.length}
        aria-valuenow={(pinned ?? last) + 1}
        aria-valuetext={inASentence(days[pinned ?? last])}
        onKeyDown={(event) => {
          const target = moved(event.key, pinned, last);
          if (target === undefined) return;
          event.preventDefault();
          setPinned(target);
        }}
        onPointerMove={(event) => event.pointerType === "mouse" && setPointed(at(event))}
        onPointerLeave={() => setPointed(null)}
        onClick={(event) => setPinned(at(event))}
      >
        {width > 0 && (
          <>
            <RunBars days={days} frame={{ ...frame, height: RUNS_HEIGHT, ticks: runTicks }} shown={shown} />
            {hasTokens && (
              <TokenBars days={days} frame={{ ...frame, height: TOKENS_HEIGHT, ticks: tokenTicks }} shown={shown} />
            )}
          </>
        )}
      </div>
    </div>
  );
}

/** Return the day that a key leads to, null for none, and undefined for other keys. */
function moved(key: string, from: number | null, last: number): number | null | undefined {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowDown: -1,
    ArrowRight: 1,
    ArrowUp: 1,
    PageUp: -7,
    PageDown: 7,
  };
  if (key === "Escape") return from === null ? undefined : null;
  if (key === "Home") return 0;
  if (key === "End") return last;
  const step = steps[key];
  if (step === undefined) return undefined;
  return from === null ? last : Math.min(Math.max(from + step, 0), last);
}

function inASentence(day: DayUsage | undefined): string {
  if (!day) return "No day";
  const { runs, replies, tokens } = day;
  const ended = runs.total === 0 ? "no runs" : `${amount(runs.total)} runs: ${inWords(runs)}`;
  return `${longDay(day.day)}: ${ended}; ${amount(replies)} replies, ${amount(tokens)} tokens`;
}

function ReadOut({ day, automation, canSeeRuns }: { day: DayUsage | undefined } & Omit<Properties, "days">) {
  if (!day)
    return <p class="read-out faint">Point at a day to see its numbers, or press the arrow keys in the plot.</p>;
  const { runs, replies, tokens } = day;
  return (
    <div class="read-out">
      <p>
        <strong>{longDay(day.day)} (UTC)</strong>
        {canSeeRuns && runs.total > 0 && (
          <Link to={runsQuery(day.day, day.day, { automation })}>Show the runs of this day</Link>
        )}
      </p>
      <p>
        {runs.total === 0 ? "No runs" : `${amount(runs.total)} runs: ${inWords(runs)}`} · {amount(replies)} replies ·{" "}
        {amount(tokens)} tokens
      </p>
    </div>
  );
}

interface BarsProperties {
  days: readonly DayUsage[];
  frame: Frame;
  shown: number | null;
}

function RunBars({ days, frame, shown }: BarsProperties) {
  const prefix = useId();
  const present = END_STATUSES.filter((status) => days.some((day) => day.runs[status] > 0));
  const hasLabels = frame.step >= 34;
  return (
    <Axes title="Runs" frame={frame} days={days} shown={shown}>
      <Patterns prefix={prefix} statuses={present} />
      {days.map((day, index) => {
        const parts = stacked(day, frame);
        const top = parts.at(-1)?.y ?? 0;
        return (
          <g key={day.day}>
            {parts.map(({ status, y, height }) => (
              <rect
                key={status}
                class={`plot-bar ${status}`}
                {...column(frame, index)}
                y={y}
                height={height}
                fill={`url(#${prefix}-${status})`}
              />
            ))}
            {hasLabels && day.runs.total > 0 && (
              <text class="value" x={center(frame, index)} y={top - 5}>
                {brief(day.runs.total)}
              </text>
            )}
          </g>
        );
      })}
    </Axes>
  );
}

function TokenBars({ days, frame, shown }: BarsProperties) {
  return (
    <Axes title="Tokens" frame={frame} days={days} shown={shown}>
      {days.map((day, index) => {
        const tokens = Number(day.tokens);
        const height = tokens > 0 ? Math.max(heightOf(tokens, frame), LEAST) : 0;
        return (
          <rect
            key={day.day}
            class="plot-bar tokens"
            {...column(frame, index)}
            y={frame.height - BOTTOM - height}
            height={height}
          />
        );
      })}
    </Axes>
  );
}

/** Return the parts of a day's bar, from below to above. Each has at least the least height. */
function stacked(day: DayUsage, frame: Frame) {
  let y = frame.height - BOTTOM;
  return END_STATUSES.filter((status) => day.runs[status] > 0).map((status) => {
    const height = Math.max(heightOf(day.runs[status], frame), LEAST);
    y -= height;
    return { status, y, height };
  });
}

function heightOf(value: number, frame: Frame): number {
  return (value / (frame.ticks.at(-1) ?? 1)) * (frame.height - TOP - BOTTOM);
}

function column(frame: Frame, index: number): { x: number; width: number } {
  const gap = Math.min(frame.step * 0.25, 8);
  const width = Math.min(frame.step - gap, 48);
  return { x: center(frame, index) - width / 2, width };
}

function center(frame: Frame, index: number): number {
  return frame.left + frame.step * (index + 0.5);
}

interface AxesProperties extends BarsProperties {
  title: string;
  children: preact.ComponentChildren;
}

/** The lines and labels around bars. It is an image without words for screen readers, which read the slider's text. */
function Axes({ title, frame, days, shown, children }: AxesProperties) {
  const { width, height, left, step } = frame;
  const every = Math.ceil(LABEL_WIDTH / step);
  return (
    <svg width={width} height={height} aria-hidden="true">
      <text class="axis title" x={0} y={10}>
        {title}
      </text>
      {shown !== null && (
        <rect class="shown-day" x={left + step * shown} width={step} y={TOP - 4} height={height - TOP - BOTTOM + 4} />
      )}
      {frame.ticks.map((tick) => {
        const y = height - BOTTOM - heightOf(tick, frame);
        return (
          <g key={tick}>
            <line x1={left} x2={width - RIGHT} y1={y} y2={y} />
            <text class="axis tick" x={left - 6} y={y + 4}>
              {brief(tick)}
            </text>
          </g>
        );
      })}
      {children}
      {days.map((day, index) =>
        (days.length - 1 - index) % every === 0 && center(frame, index) - LABEL_WIDTH / 2 > left - step ? (
          <text key={day.day} class="axis day" x={Math.min(center(frame, index), width - 20)} y={height - 5}>
            {shortDay(day.day)}
          </text>
        ) : null,
      )}
    </svg>
  );
}

/** Return a reference for an element, and its width, which changes with the window. */
function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width] as const;
}
