// Times that two people read differently: the viewer, and those for whom an automation runs.

import { formatTime, Time, useZone } from "../time";

interface Properties {
  at: string;
  /** The zone in which the time is meant; null if there is none besides the viewer's. */
  zone: string | null;
}

/** A time in the viewer's zone, and below it in another zone if that is a different one. */
export function ZonedTime({ at, zone }: Properties) {
  const viewer = useZone().zone;
  return (
    <span class="zoned">
      <Time at={at} />
      {zone !== null && zone !== viewer && <span class="faint">{formatInZone(at, zone)}</span>}
    </span>
  );
}

/** Return a time with the name of its zone, such as "Mon 30 Nov, 09:00 America/New_York". */
export function formatInZone(at: string | number, zone: string): string {
  return `${formatTime(at, zone, "day")}, ${formatTime(at, zone, "clock")} ${zone}`;
}
