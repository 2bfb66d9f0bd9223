// Times as an input of the type "datetime-local" has them: without a zone, which the label names.

/** Return a time as the input shows it; "" if it is none. */
export function toTyped(at: string, zone: string): string {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return "";
  // Sweden writes dates in the order of ISO 8601.
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return parts.format(time).replace(" ", "T");
}

/** Return what was typed as a time of the API; "" if it isn't complete. The zone is the browser's, or UTC. */
export function fromTyped(typed: string, zone: string): string {
  const time = Date.parse(zone === "UTC" ? `${typed}Z` : typed);
  return Number.isNaN(time) ? "" : new Date(time).toISOString().replace(/\.\d+/, "");
}
