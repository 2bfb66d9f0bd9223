// JSON whose form isn't known.

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Return a value if it is a text, otherwise "". */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Return a value if it is an object, otherwise an empty one. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** Return whether two values are equal. The order of the fields of objects doesn't count. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => isEqual(each, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return one === other;
  const names = Object.keys({ ...one, ...other });
  return names.every((name) => isEqual(one[name], other[name]));
}

/** Set a field, unless the value is the default: then leave the field out, or as it is if it has the default. */
export function setField(object: JsonObject, name: string, value: unknown, byDefault: unknown = null): void {
  if (!isEqual(value, byDefault)) object[name] = value;
  else if (!isEqual(object[name], byDefault)) delete object[name];
}

/** Return the values of an object by their paths, such as "trigger.expression". Lists are values. */
export function leaves(object: JsonObject, within = ""): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, value] of Object.entries(object)) {
    if (isObject(value)) for (const [path, leaf] of leaves(value, `${within}${name}.`)) found.set(path, leaf);
    else found.set(within + name, value);
  }
  return found;
}
