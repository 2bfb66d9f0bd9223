// The form itself: its steps, what the API says about them, and its buttons.

import { useRef, useState } from "preact/hooks";
import { draftOf } from "../model/draft";
import { applyCommand, createCommand } from "../model/draft_command";
import { objectOf, textOf } from "../model/json";
import { LOCAL_ZONE } from "../time";
import { Button, LinkButton } from "../ui/button";
import { TextField } from "../ui/form";
import { curl, quoted, Terminal } from "../ui/terminal";
import { FormAction } from "./form_action";
import { FormAdvanced } from "./form_advanced";
import { Conflict } from "./form_conflict";
import type { Editing } from "./form_draft";
import { fieldId, Step } from "./form_fields";
import { FormJson } from "./form_json";
import { Leave, Managed, Restored, SaveError, TookTheirs, Unchecked, Warnings } from "./form_notices";
import { NextTimes, WillSend } from "./form_preview";
import { ProblemSummary } from "./form_problems";
import { type FormState, useForm } from "./form_state";
import { FormTargets } from "./form_targets";
import { FormWhen } from "./form_when";

interface Properties {
  /** The key under which the tab keeps the draft. */
  keptAs: string;
  start: Editing;
}

export function FormEditor({ keptAs, start }: Properties) {
  const release = useRef(() => {});
  const form = useForm(keptAs, start, release);
  const { body, name, checks, editing } = form;
  const edit = { draft: editing.draft, change: form.change, problem: form.problem };
  const expression = textOf(objectOf(body.trigger).expression);
  const submit = (event: Event) => {
    event.preventDefault();
    form.submit();
  };
  return (
    <form class="editor" onSubmit={submit} noValidate>
      <div class="editor-main">
        {form.wasKept && <Restored onDiscard={form.discard} />}
        <Managed by={textOf(body.managed_by)} />
        <ProblemSummary problems={form.summarized} summary={form.summary} />
        <Versions form={form} />
        <FormWhen
          {...edit}
          preview={<NextTimes when={editing.draft.when} expression={expression} times={checks.times} />}
        />
        <FormAction {...edit} />
        <FormTargets {...edit} />
        {form.isNew && <NameStep form={form} />}
        <FormAdvanced {...edit} />
        <FormJson
          body={body}
          onBody={(typed) => form.set({ ...editing, draft: draftOf(typed, LOCAL_ZONE), rest: typed })}
        />
        <Warnings warnings={checks.whole.data ?? []} />
        <Unchecked error={checks.whole.isCurrent ? checks.whole.error : null} />
        {form.problems.length === 0 && !form.hasConflict && <SaveError error={form.saving.error} name={name} />}
        <Buttons form={form} />
        <Terminal
          command={form.isNew ? createCommand(name || "NAME", body, quoted) : applyCommand(name, body)}
          request={curl("PUT", `/automations/${name || "NAME"}`, body)}
        />
      </div>
      <aside class="editor-side">
        <WillSend rendered={checks.rendered} waiting={waitingFor(form)} />
      </aside>
      <Leave isChanged={form.isChanged} onDiscard={form.forget} release={release} />
    </form>
  );
}

// What a person sees if someone else changed the automation.
function Versions({ form }: { form: FormState }) {
  const [mine, setMine] = useState<Editing | null>(null);
  const { editing, name } = form;
  if (form.hasConflict) {
    return (
      <div ref={form.versions} tabIndex={-1}>
        <Conflict
          key={editing.etag}
          name={name}
          base={editing.base}
          mine={form.body}
          isSaving={form.saving.pending}
          onTake={(theirs) => {
            setMine({ ...editing, base: theirs.body, etag: theirs.etag });
            form.saving.reset();
            form.take(theirs);
          }}
          onOverwrite={form.overwrite}
          onCreate={() => void form.save(null)}
        />
      </div>
    );
  }
  if (!mine) return null;
  const undo = () => {
    form.set(mine);
    setMine(null);
  };
  return <TookTheirs onUndo={undo} />;
}

function NameStep({ form }: { form: FormState }) {
  return (
    <Step number={4} title="What is its name?">
      <TextField
        label="Name"
        id={fieldId("name")}
        hint={
          form.editing.name === null && form.name
            ? "Suggested from the text above. It can't be changed later."
            : "Lowercase letters, digits and hyphens. It can't be changed later."
        }
        maxLength={64}
        code
        value={form.name}
        onValue={(name) => form.set({ ...form.editing, name })}
        error={form.problem("name")}
      />
    </Step>
  );
}

function Buttons({ form }: { form: FormState }) {
  const verb = form.isNew ? "Create" : "Save";
  const what = form.name || "the automation";
  return (
    <div class="buttons">
      <LinkButton to={form.isNew ? "/automations" : `/automations/${form.name}`}>Cancel</LinkButton>
      <Button type="submit" kind="primary" busy={form.saving.pending}>
        {form.saving.pending ? `${form.isNew ? "Creating" : "Saving"} ${what}…` : `${verb} ${what}`}
      </Button>
    </div>
  );
}

function waitingFor({ gaps, problems }: FormState): string {
  if (gaps[0]) return `You see it here as soon as nothing is missing. Next: ${gaps[0].message}.`;
  return problems.length > 0 ? "You see it here as soon as the marked fields are right." : "Loading the preview…";
}
