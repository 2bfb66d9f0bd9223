import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, read, type Schemas } from "../api/client";
import { useAction } from "../hooks";
import { type AutomationView, NEEDED } from "../model/automation_words";
import type { JsonObject } from "../model/json";
import { useSession } from "../session";
import { Button } from "../ui/button";
import { Section } from "../ui/page";
import { ErrorNotice } from "../ui/state";
import { curl, quoted, Terminal } from "../ui/terminal";
import { asText, type Draft, EventEditor, parseEvent, useExample } from "./automation_event";
import { Rendered } from "./automation_rendered";
import { ConfirmRun } from "./automation_try_run";
import { ConfirmTestEvent } from "./automation_try_test";

interface Properties {
  automation: AutomationView;
  onChanged(): void;
}

type Open = { kind: "run" | "test"; event: JsonObject };

/** Shows what an automation does with an event: as a preview, for this automation only, or through the whole stack. */
export function TryEvent({ automation, onChanged }: Properties) {
  const { trigger, name } = automation;
  const filter = trigger.type === "webhook" ? trigger.filter : null;
  const types = trigger.type === "webhook" ? trigger.events : [];
  const [draft, setDraft] = useState<Draft>({ type: types[0] ?? "", text: "" });
  const example = useExample(draft.type);
  const [problem, setProblem] = useState<string | null>(null);
  const [open, setOpen] = useState<Open | null>(null);
  const preview = usePreview(automation);
  const text = draft.text || (example.data === undefined ? "" : asText(example.data, draft.type));
  const withEvent = (use: (event: JsonObject) => void) => {
    const { event, problem: found } = parseEvent(text);
    setProblem(found);
    if (event) use(event);
  };
  const change = (changed: Draft) => {
    setDraft(changed);
    setProblem(null);
    preview.reset();
  };
  const fieldError = preview.error instanceof ApiError ? eventProblem(preview.error) : null;
  return (
    <div class="columns">
      <Section title="The event">
        <EventEditor types={types} draft={draft} onDraft={change} example={example} error={problem ?? fieldError} />
        <Ways
          name={name}
          isPreviewing={preview.pending}
          onPreview={() => withEvent(preview.run)}
          onOpen={(kind) => withEvent((event) => setOpen({ kind, event }))}
        />
        <Terminal
          command={`aichats auto render ${quoted(name)} --event event.json`}
          request={curl("GET", `/events/types?type=${draft.type}`)}
        />
      </Section>
      <Section title="What it sends">
        {!fieldError && <ErrorNotice error={preview.error} what="The preview failed" />}
        <div ref={preview.place} class="spaced">
          {preview.shown ? (
            <Rendered preview={preview.shown} filter={filter} />
          ) : (
            <p class="faint">Nothing is shown yet. Preview the event.</p>
          )}
        </div>
      </Section>
      {open?.kind === "run" && (
        <ConfirmRun automation={automation} event={open.event} onChanged={onChanged} onClose={() => setOpen(null)} />
      )}
      {open?.kind === "test" && (
        <ConfirmTestEvent
          event={open.event}
          example={example.data ?? null}
          onChanged={onChanged}
          onClose={() => setOpen(null)}
        />
      )}
    </div>
  );
}

interface WaysProperties {
  name: string;
  isPreviewing: boolean;
  onPreview(): void;
  onOpen(kind: Open["kind"]): void;
}

/** The ways to use the event, and what each of them really does. */
function Ways({ name, isPreviewing, onPreview, onOpen }: WaysProperties) {
  const { can } = useSession();
  const [canRun, canTest] = [can(...NEEDED.run), can("send_test_event")];
  return (
    <>
      <div class="actions">
        {can("preview_schedule") && (
          <Button kind="primary" busy={isPreviewing} onClick={onPreview}>
            {isPreviewing ? "Filling in the texts…" : "Preview what it sends"}
          </Button>
        )}
        {canRun && <Button onClick={() => onOpen("run")}>{`Run ${name} with this event`}</Button>}
        {canTest && <Button onClick={() => onOpen("test")}>Send as a test event</Button>}
      </div>
      <ul class="explained">
        <li>
          <strong>Preview</strong>: nothing is sent.
        </li>
        {canRun && (
          <li>
            <strong>Run</strong>: only this automation runs, even if it is paused. The chats are real.
          </li>
        )}
        {canTest && (
          <li>
            <strong>Test event</strong>: all automations that listen for the event run. The chats are real.
          </li>
        )}
      </ul>
    </>
  );
}

function usePreview(automation: AutomationView) {
  const { api } = useSession();
  const [shown, setShown] = useState<Schemas["RenderedPreview"] | null>(null);
  const action = useAction(async (event: JsonObject) => {
    const body = { ...automation, warnings: null, at: null, event };
    const found = await read(api.POST("/automations/preview", { body }));
    if (Array.isArray(found)) throw new Error("The answer has no texts.");
    setShown(found);
  });
  // On a narrow screen the result is below the button.
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (shown) place.current?.scrollIntoView({ block: "nearest" });
  }, [shown]);
  const reset = () => {
    setShown(null);
    action.reset();
  };
  return { ...action, shown, reset, place };
}

/** Return the API's message about the event, with the part of the event that it is about. */
function eventProblem({ problem }: ApiError): string | null {
  const found = problem?.errors?.find(({ field }) => field === "event" || field.startsWith("event."));
  if (!found) return null;
  return found.field === "event" ? found.message : `${found.field.slice("event.".length)} ${found.message}`;
}
