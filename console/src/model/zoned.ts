// Wall-clock times in a zone, as the inputs of a form have them ("2026-12-24T18:00"), and instants.

const parts = new Map<string, Intl.DateTimeFormat>();

/** Return whether this browser knows a time zone. */
export function isZone(timezone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: timezone }));
  } catch {
    return false;
  }
}

/** Return a zone if this browser knows it, otherwise UTC: the browser can't compute the times of an unknown zone. */
export function knownZone(timezone: string): string {
  return isZone(timezone) ? timezone : "UTC";
}

/** Return the wall-clock time of an instant in a zone, as an input of the type datetime-local has it. */
export function localOf(instant: number, zone: string): string {
  let format = parts.get(zone);
  if (!format) {
    const digits = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" } as const;
    format = new Intl.DateTimeFormat("en-CA", { ...digits, timeZone: zone, hourCycle: "h23" });
    parts.set(zone, format);
  }
  const found = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
  return `${found.year}-${found.month}-${found.day}T${found.hour}:${found.minute}`;
}

/**
 * Return the instant of a wall-clock time in a zone; null if the text is no time.
 *
 * A time that the clocks skip becomes the time after the change. A time that happens twice is the earlier one.
 */
export function instantOf(local: string, zone: string): number | null {
  const asIfUtc = Date.parse(`${local}Z`);
  if (Number.isNaN(asIfUtc)) return null;
  // The offset before and after each possible change of the clocks. The larger offset gives the earlier instant.
  const offsets = [asIfUtc - 86_400_000, asIfUtc + 86_400_000].map(
    (near) => Date.parse(`${localOf(near, zone)}Z`) - near + (near % 60_000),
  );
  const candidates = offsets.map((offset) => asIfUtc - offset).sort((a, b) => a - b);
  return candidates.find((candidate) => localOf(candidate, zone) === local.slice(0, 16)) ?? candidates[1] ?? null;
}

/** Return an instant as the API writes it, such as "2026-12-24T17:00:00Z". */
export function isoOf(instant: number): string {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

/** Return a wall-clock time in a zone as the API takes it; null if the text is no time. */
export function isoAt(local: string, zone: string): string | null {
  const instant = instantOf(local, zone);
  return instant === null ? null : isoOf(instant);
}
