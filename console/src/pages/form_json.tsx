// All fields of the automation, as the API takes them.

import { useState } from "preact/hooks";
import { isObject, type JsonObject } from "../model/json";
import { TextArea } from "../ui/form";

interface Properties {
  body: JsonObject;
  onBody(body: JsonObject): void;
}

/** The automation as JSON. What is typed here changes the form, as soon as it is JSON. */
export function FormJson({ body, onBody }: Properties) {
  const [typed, setTyped] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const type = (text: string) => {
    setTyped(text);
    const parsed = parse(text);
    setError(typeof parsed === "string" ? parsed : null);
    if (typeof parsed !== "string") onBody(parsed);
  };
  // While a person types, the text stays as it is. After that it is what the form has, unless it isn't JSON.
  const end = () => setTyped((text) => (error === null ? null : text));
  return (
    <details class="section advanced">
      <summary>All fields (JSON), for experts</summary>
      <div class="advanced-fields" onFocusOut={end}>
        <TextArea
          label="The automation in JSON"
          hint="The form above and this text change each other. Fields that the form doesn't know stay as they are."
          rows={14}
          code
          value={typed ?? JSON.stringify(body, null, 2)}
          onValue={type}
          error={error}
        />
      </div>
    </details>
  );
}

function parse(text: string): JsonObject | string {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : "An automation is an object: { … }";
  } catch (error) {
    return `This is not JSON yet: ${error instanceof Error ? error.message : error}`;
  }
}
