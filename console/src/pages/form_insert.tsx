// Inserts {{ … }} into the texts of an automation.

import { useEffect, useRef } from "preact/hooks";
import type { When } from "../model/draft_when";
import { eventValues, SCHEDULE_VALUES, type TemplateValue } from "../model/template_values";
import { Text } from "../ui/text";
import { useEventTypes } from "./form_events";
import { fieldId } from "./form_fields";

interface Properties {
  when: When;
  /** The fields that take a value. It goes into the one that had the focus last, at first into the first one. */
  fields: readonly string[];
  /** Gets the field, and its new text. */
  onInsert(field: string, text: string): void;
}

export function FormInsert({ when, fields, onInsert }: Properties) {
  const into = useLastFocus(fields);
  const values = useValues(when);
  const insert = (value: TemplateValue) => {
    const field = into();
    const input = inputOf(field);
    if (!input) return;
    const [start, end] = [input.selectionStart ?? input.value.length, input.selectionEnd ?? input.value.length];
    const text = `{{ ${value.expression} }}`;
    onInsert(field, input.value.slice(0, start) + text + input.value.slice(end));
    requestAnimationFrame(() => {
      input.focus();
      input.setSelectionRange(start + text.length, start + text.length);
    });
  };
  return (
    <details class="insert">
      <summary>Insert a value that each run fills in</summary>
      <ul>
        {values.map((value) => (
          <li key={value.expression}>
            <button type="button" class="button quiet" onClick={() => insert(value)}>
              <code>{`{{ ${value.expression} }}`}</code>
            </button>
            <span class="faint">
              <Text>{value.example}</Text>
            </span>
          </li>
        ))}
      </ul>
      <p class="hint">
        More is possible, such as <code>{"{{ event.data.user.name || 'the member' }}"}</code>: the braces contain
        JMESPath.
      </p>
    </details>
  );
}

function useValues(when: When): readonly TemplateValue[] {
  const isWebhook = when.kind === "webhook";
  const types = useEventTypes(isWebhook);
  if (!isWebhook) return SCHEDULE_VALUES;
  const example = types.data?.find((each) => each.type === when.events[0])?.example;
  return [...eventValues(example ?? { id: "evt_…", type: "…", account_id: "biz_…" }), ...SCHEDULE_VALUES];
}

// Which of the fields had the focus last. A press on a button takes the focus away.
function useLastFocus(fields: readonly string[]): () => string {
  const last = useRef("");
  const known = useRef(fields);
  known.current = fields;
  useEffect(() => {
    const note = (event: FocusEvent) => {
      const field = known.current.find((each) => inputOf(each) === event.target);
      if (field) last.current = field;
    };
    document.addEventListener("focusin", note);
    return () => document.removeEventListener("focusin", note);
  }, []);
  return () => (known.current.includes(last.current) ? last.current : (known.current[0] ?? ""));
}

function inputOf(field: string): HTMLInputElement | HTMLTextAreaElement | null {
  const found = document.getElementById(fieldId(field));
  return found instanceof HTMLInputElement || found instanceof HTMLTextAreaElement ? found : null;
}
