import { read } from "../api/client";
import { type Query, useQuery } from "../hooks";
import { isObject, type JsonObject } from "../model/json";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { Select, TextArea } from "../ui/form";
import { ErrorNotice, Loading } from "../ui/state";

/** The event that a person edits. */
export interface Draft {
  /** The type whose example it began as. */
  readonly type: string;
  readonly text: string;
}

interface Properties {
  /** The types for which the automation listens. */
  types: readonly string[];
  draft: Draft;
  onDraft(draft: Draft): void;
  example: Query<JsonObject | null>;
  error: string | null;
}

/** Read the example of an event type; null if aichats knows none. */
export function useExample(type: string): Query<JsonObject | null> {
  const { api } = useSession();
  return useQuery(`example of ${type}`, async () => {
    const { data } = await read(api.GET("/events/types", { params: { query: { type } } }));
    return data[0]?.example ?? null;
  });
}

/** Return an event as a person edits it. */
export function asText(event: JsonObject | null, type: string): string {
  return JSON.stringify(event ?? { type, data: {} }, null, 2);
}

/** An input for an event: a type, whose example it begins with, and its JSON. */
export function EventEditor({ types, draft, onDraft, example, error }: Properties) {
  const original = example.data === undefined ? null : asText(example.data, draft.type);
  const isChanged = original !== null && draft.text !== "" && draft.text !== original;
  return (
    <>
      <Select
        label="Event type"
        value={draft.type}
        onValue={(type) => onDraft({ type, text: "" })}
        options={types.map((type) => [type, type])}
        hint={isChanged ? "Another type replaces the event below." : undefined}
      />
      <ErrorNotice error={example.error} what="The example can't be read" onRetry={example.reload} />
      {example.loading && <Loading what="an example" />}
      <TextArea
        label="Event"
        hint="An example of Whop's event. Change what you like: only type and data are required."
        rows={16}
        code
        value={draft.text || (original ?? "")}
        onValue={(text) => onDraft({ ...draft, text })}
        error={error}
      />
      {isChanged && (
        <div>
          <Button kind="quiet" onClick={() => onDraft({ ...draft, text: "" })}>
            Use the example again
          </Button>
        </div>
      )}
    </>
  );
}

/** Return the event of a text; otherwise what is wrong with it. */
export function parseEvent(text: string): { event: JsonObject; problem: null } | { event: null; problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return wrong(`This is not JSON: ${error instanceof Error ? placed(error.message, text) : ""}`);
  }
  if (!isObject(value))
    return wrong('The event must be an object in braces, such as {"type": "payment.failed", "data": {}}');
  if (typeof value.type !== "string" || value.type === "") return wrong('type is missing, such as "payment.failed"');
  if (!isObject(value.data)) return wrong("data must be an object in braces. It may be empty: {}");
  return { event: value, problem: null };
}

function wrong(problem: string): { event: null; problem: string } {
  return { event: null, problem };
}

/** Return a browser's message about wrong JSON with the line, which Chromium doesn't always name. */
function placed(message: string, text: string): string {
  if (/line \d+/.test(message) || !isUnexpected(text)) return message;
  let [valid, wrong] = [0, text.length];
  while (valid + 1 < wrong) {
    const middle = Math.floor((valid + wrong) / 2);
    if (isUnexpected(text.slice(0, middle))) wrong = middle;
    else valid = middle;
  }
  const before = text.slice(0, valid).split("\n");
  const column = (before.at(-1)?.length ?? 0) + 1;
  return `${text.slice(valid, wrong)} is unexpected in line ${before.length}, column ${column}`;
}

// A text that only ends too early is rejected with other words.
function isUnexpected(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return error instanceof Error && error.message.startsWith("Unexpected token");
  }
}
