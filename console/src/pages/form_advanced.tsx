// What most automations don't need.

import { useState } from "preact/hooks";
import type { Draft } from "../model/draft";
import { newDraft } from "../model/draft";
import type { When } from "../model/draft_when";
import { isEqual } from "../model/json";
import { Checkbox, Select, TextArea, TextField } from "../ui/form";
import { type EditProperties, fieldId } from "./form_fields";

const MISSED: readonly (readonly [string, string])[] = [
  ["skip", "Only record the missed run"],
  ["run", "Also run the newest one, late"],
];
const OVERLAP: readonly (readonly [string, string])[] = [
  ["allow", "Start the next runs, too"],
  ["skip", "Skip the next runs"],
];
const PERIODS: readonly (readonly [string, string])[] = [
  ["day", "a day"],
  ["month", "a month"],
];

/** The advanced options. They are open at first if one of them is used. */
export function FormAdvanced(edit: EditProperties) {
  const [isOpen] = useState(() => usesOptions(edit.draft));
  const isWebhook = edit.draft.when.kind === "webhook";
  return (
    <details class="section advanced" open={isOpen}>
      <summary>More options: missed and overlapping runs, budget, start and end, labels</summary>
      <div class="advanced-fields">
        {!isWebhook && <Slots {...edit} />}
        <BudgetFields {...edit} />
        <Notes {...edit} />
        <Checkbox
          label="Enabled"
          hint="If not, the automation doesn't run until you enable it. To skip some days, pause it instead."
          checked={edit.draft.when.enabled}
          onChecked={(enabled) => edit.change({ when: { ...edit.draft.when, enabled } })}
        />
      </div>
    </details>
  );
}

function Slots({ draft, change, problem }: EditProperties) {
  const { when } = draft;
  const set = (changes: Partial<When>) => change({ when: { ...when, ...changes } });
  return (
    <>
      <div class="form-row">
        <Select
          label="If a run is missed"
          id={fieldId("missed")}
          hint="Missed: the schedule did not fire on time."
          value={draft.missed}
          options={MISSED}
          onValue={(missed) => change({ missed })}
          error={problem("missed")}
        />
        <Select
          label="While earlier runs are still open"
          id={fieldId("overlap")}
          hint="Open: they wait, or are being performed."
          value={draft.overlap}
          options={OVERLAP}
          onValue={(overlap) => change({ overlap })}
          error={problem("overlap")}
        />
      </div>
      {when.kind !== "once" && (
        <div class="form-row">
          <TextField
            label={`Not before (optional, ${when.timezone})`}
            id={fieldId("trigger.start")}
            type="datetime-local"
            value={when.start}
            onValue={(start) => set({ start })}
            error={problem("trigger.start")}
          />
          <TextField
            label={`Not after (optional, ${when.timezone})`}
            id={fieldId("trigger.end")}
            type="datetime-local"
            value={when.end}
            onValue={(end) => set({ end })}
            error={problem("trigger.end")}
          />
        </div>
      )}
    </>
  );
}

function BudgetFields({ draft, change, problem }: EditProperties) {
  return (
    <fieldset class="form-group">
      <legend>Budget (optional)</legend>
      <p class="hint" id="budget-hint">
        At the limit, the automation is paused until the period ends. Periods are in UTC.
      </p>
      <div class="form-row three">
        <TextField
          label="At most this many runs"
          id={fieldId("budget.runs")}
          type="number"
          min={1}
          value={draft.budgetRuns}
          onValue={(budgetRuns) => change({ budgetRuns })}
          error={problem("budget.runs") ?? (problem("budget.tokens") ? null : problem("budget"))}
        />
        <TextField
          label="At most this many tokens"
          id={fieldId("budget.tokens")}
          type="number"
          min={1}
          value={draft.budgetTokens}
          onValue={(budgetTokens) => change({ budgetTokens })}
          error={problem("budget.tokens")}
        />
        <Select label="In" value={draft.budgetPer} options={PERIODS} onValue={(budgetPer) => change({ budgetPer })} />
      </div>
    </fieldset>
  );
}

function Notes({ draft, change, problem }: EditProperties) {
  return (
    <div class="form-row">
      <TextArea
        label="Description (optional)"
        id={fieldId("description")}
        hint="A note for people, at most 500 characters."
        rows={3}
        value={draft.description}
        onValue={(description) => change({ description })}
        error={problem("description")}
      />
      <TextArea
        label="Labels (optional)"
        id={fieldId("labels")}
        hint="One a line, such as team=growth."
        rows={3}
        code
        value={draft.labels}
        onValue={(labels) => change({ labels })}
        error={problem("labels")}
      />
    </div>
  );
}

function usesOptions(draft: Draft): boolean {
  const { missed, overlap, description, labels, budgetRuns, budgetTokens, when } = draft;
  const plain = newDraft(when.timezone);
  return !isEqual(
    [missed, overlap, description, labels, budgetRuns, budgetTokens, when.start, when.end, when.enabled],
    [plain.missed, plain.overlap, "", "", "", "", "", "", true],
  );
}
