// A line of time with a lane for each automation.

import { useMemo, useState } from "preact/hooks";
import {
  bandOf,
  numberOf,
  placeOf,
  rhythmOf,
  type Span,
  type Tick,
  ticksOf,
  timeInBoth,
  timeInOwn,
  type Upcoming,
} from "../model/upcoming";
import { count } from "../model/words";
import { localOf } from "../model/zoned";
import { Link } from "../router";
import { formatDistance, formatTime, useZone } from "../time";

/** The lanes below an axis with the hours. The left edge is now. */
export function Timeline({ rows, span }: { rows: readonly Upcoming[]; span: Span }) {
  const { zone } = useZone();
  const ticks = useMemo(() => ticksOf(span, zone), [span, zone]);
  return (
    <div class="next-day">
      <p class="faint">
        Each mark is a time at which an automation starts its runs, in {zone}. The time below a name is the next one, in
        the zone of the automation.
      </p>
      <Axis ticks={ticks} span={span} zone={zone} />
      <div class="next-lanes">
        <div class="next-grid" aria-hidden="true">
          {ticks.map((tick) => (
            <span key={tick.time} class={tick.kind} style={{ left: `${placeOf(tick.time, span)}%` }} />
          ))}
        </div>
        <ul>
          {rows.map((row) => (
            <Lane key={row.automation} row={row} span={span} zone={zone} />
          ))}
        </ul>
      </div>
    </div>
  );
}

// A label near an edge would be cut, or cover "now".
const FIRST_LABEL = 9;
const LAST_LABEL = 98;

function Axis({ ticks, span, zone }: { ticks: readonly Tick[]; span: Span; zone: string }) {
  return (
    <div class="next-axis" aria-hidden="true">
      <span class="now">
        Now <span class="faint">{localOf(span.since, zone).slice(11)}</span>
      </span>
      {ticks
        .filter((tick) => tick.kind !== "hour")
        .filter((tick) => placeOf(tick.time, span) > FIRST_LABEL && placeOf(tick.time, span) < LAST_LABEL)
        .map((tick) => (
          <span key={tick.time} class={tick.kind} style={{ left: `${placeOf(tick.time, span)}%` }}>
            {tick.text}
          </span>
        ))}
    </div>
  );
}

function Lane({ row, span, zone }: { row: Upcoming; span: Span; zone: string }) {
  const [first] = row.times;
  const own = first ? formatTime(first.utc, row.timezone, "clock") : "";
  const elsewhere = first && timeInOwn(first.utc, zone, row.timezone) !== null;
  return (
    <li class="next-lane">
      <div class="next-name">
        <Link to={`/automations/${row.automation}`}>{row.automation}</Link>
        <span class="faint">
          {own} {elsewhere ? row.timezone : ""} · {count(row.targets, "target")}
        </span>
      </div>
      <Track row={row} span={span} zone={zone} />
    </li>
  );
}

/** The times of a lane. One of them is shown exactly: that near the pointer, or that which the arrow keys chose. */
function Track({ row, span, zone }: { row: Upcoming; span: Span; zone: string }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const places = useMemo(() => row.times.map((time) => placeOf(Date.parse(time.utc), span)), [row.times, span]);
  const last = row.times.length - 1;
  const current = chosen === null ? null : Math.min(chosen, last);
  const point = ({ clientX, currentTarget }: { clientX: number; currentTarget: Element }) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    setChosen(nearest(places, (100 * (clientX - left)) / width));
  };
  const move = (event: KeyboardEvent) => {
    const next = moved(event.key, current ?? 0, last);
    if (next === undefined) return;
    event.preventDefault();
    setChosen(next);
  };
  const shown = row.times[current ?? 0];
  return (
    <div
      class="next-track"
      role="slider"
      tabIndex={0}
      aria-label={`Times of ${row.automation}, ${numberOf(row)}`}
      aria-valuemin={1}
      aria-valuemax={row.times.length}
      aria-valuenow={(current ?? 0) + 1}
      aria-valuetext={shown ? timeInBoth(shown.utc, zone, row.timezone) : ""}
      onKeyDown={move}
      onFocus={() => setChosen(current ?? 0)}
      onBlur={() => setChosen(null)}
      onPointerMove={point}
      onPointerLeave={() => setChosen(null)}
    >
      <Marks row={row} span={span} places={places} current={current} />
      {current !== null && shown && <Exact row={row} time={shown.utc} place={places[current] ?? 0} zone={zone} />}
    </div>
  );
}

/** Return the index that a key leads to, null to show none, undefined if the key has no meaning here. */
function moved(key: string, index: number, last: number): number | null | undefined {
  const steps: Record<string, number | null> = {
    ArrowRight: Math.min(index + 1, last),
    ArrowUp: Math.min(index + 1, last),
    ArrowLeft: Math.max(index - 1, 0),
    ArrowDown: Math.max(index - 1, 0),
    Home: 0,
    End: last,
    Escape: null,
  };
  return steps[key];
}

function nearest(places: readonly number[], place: number): number {
  let best = 0;
  for (const [index, each] of places.entries()) {
    if (Math.abs(each - place) < Math.abs((places[best] ?? 0) - place)) best = index;
  }
  return best;
}

interface MarksProperties {
  row: Upcoming;
  span: Span;
  places: readonly number[];
  current: number | null;
}

function Marks({ row, span, places, current }: MarksProperties) {
  const band = bandOf(row, span);
  if (band === null) {
    return (
      <>
        {places.map((place, index) => (
          <span key={place} class="next-mark" data-current={index === current} style={{ left: `${place}%` }} />
        ))}
      </>
    );
  }
  const [left, right] = [placeOf(band.since, span), placeOf(band.until, span)];
  return (
    <>
      <span class="next-band" data-more={row.more} style={{ left: `${left}%`, width: `${right - left}%` }}>
        {rhythmOf(row) ?? numberOf(row)}
      </span>
      {current !== null && <span class="next-mark" data-current style={{ left: `${places[current] ?? 0}%` }} />}
    </>
  );
}

function Exact({ row, time, place, zone }: { row: Upcoming; time: string; place: number; zone: string }) {
  const own = timeInOwn(time, zone, row.timezone);
  // Near an edge, the box begins or ends at the mark.
  const shift = place < 15 ? 0 : place > 85 ? -100 : -50;
  return (
    <div class="next-exact" style={{ left: `${place}%`, transform: `translateX(${shift}%)` }}>
      <strong>{formatTime(time, zone)}</strong> <span class="faint">{formatDistance(time, Date.now())}</span>
      {own && <span class="own">{own}</span>}
    </div>
  );
}
