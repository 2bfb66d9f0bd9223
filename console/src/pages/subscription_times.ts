// The value of an input for a date and a time, in the zone of the console.

import { LOCAL_ZONE } from "../time";

/** Return a time as the value of an input, such as "2026-11-20T13:00". */
export function toInput(at: number, zone: string): string {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return format.format(at).replace(" ", "T");
}

/** Return the time of an input, in UTC; null if it has none. The console shows times in the viewer's zone or in UTC. */
export function fromInput(value: string, zone: string): string | null {
  const at = new Date(zone === LOCAL_ZONE ? value : `${value}Z`);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
