// Times for people. Each time names its zone, because people and automations may be in different ones.

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useContext, useState } from "preact/hooks";
import { useNow } from "./hooks";

export const LOCAL_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

interface Zone {
  readonly zone: string;
  setZone(zone: string): void;
}

const Context = createContext<Zone>({ zone: LOCAL_ZONE, setZone: () => {} });

/** Provides the zone in which the console shows times: the viewer's, or UTC if the person prefers it. */
export function ZoneProvider({ children }: { children: ComponentChildren }) {
  const [zone, setZone] = useState(LOCAL_ZONE);
  return <Context.Provider value={{ zone, setZone }}>{children}</Context.Provider>;
}

export function useZone(): Zone {
  return useContext(Context);
}

type Style = "full" | "short" | "time" | "exact" | "day" | "clock";

const OPTIONS: Record<Style, Intl.DateTimeFormatOptions> = {
  full: {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
  },
  short: {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  },
  time: { hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
  exact: { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
  day: { weekday: "short", day: "numeric", month: "short" },
  // Only beside the name of its zone.
  clock: { hour: "2-digit", minute: "2-digit" },
};
const formats = new Map<string, Intl.DateTimeFormat>();

/** Return a time in a zone, such as "Mon 30 Nov, 09:00 GMT+1". */
export function formatTime(at: string | number | Date, zone: string, style: Style = "short"): string {
  const key = `${style} ${zone}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", { ...OPTIONS[style], timeZone: zone, hourCycle: "h23" });
    formats.set(key, format);
  }
  return format.format(new Date(at));
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

/** Return how far a time is from now, such as "in 5 min." or "2 hr. ago". */
export function formatDistance(at: string | number | Date, now: number): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000);
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** Return a duration in words, such as "3.2 s" or "4 min 5 s". */
export function formatDuration(milliseconds: number): string {
  // Rounded first, so that no part of it is 60.
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time in the zone of the console. A pointer shows it with seconds, and in UTC. */
export function Time({ at, style = "short" }: { at: string; style?: Style }) {
  const { zone } = useZone();
  return (
    <time dateTime={at} title={`${formatTime(at, zone, "full")} = ${new Date(at).toISOString()}`}>
      {formatTime(at, zone, style)}
    </time>
  );
}

/** How far a time is from now. A pointer shows the time. */
export function Distance({ at }: { at: string }) {
  const { zone } = useZone();
  const now = useNow(5000);
  return (
    <time dateTime={at} title={`${formatTime(at, zone, "full")} = ${new Date(at).toISOString()}`}>
      {formatDistance(at, now)}
    </time>
  );
}

/** A time with its distance from now, such as "Fri 20 Nov, 13:00 CET (2 hr. ago)". */
export function When({ at }: { at: string }) {
  return (
    <>
      <Time at={at} />{" "}
      <span class="faint">
        (<Distance at={at} />)
      </span>
    </>
  );
}
