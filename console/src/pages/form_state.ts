// The state of the form: the draft, what the API says about it, and saving it.

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, isUncertain, read } from "../api/client";
import { type Action, useAction } from "../hooks";
import { draftOf, isBody } from "../model/draft";
import { type FieldProblem, gapsOf } from "../model/draft_gaps";
import { useNavigation } from "../router";
import { useSession } from "../session";
import { LOCAL_ZONE } from "../time";
import { useToast } from "../ui/toast";
import { fieldProblems, useChecks } from "./form_checks";
import type { Version } from "./form_conflict";
import { type Editing, type KeptDraft, useDraft } from "./form_draft";
import { problemsByField } from "./form_fields";

/** Return the state of a form that edits what `start` has. `release` ends the question before the page is left. */
export function useForm(keptAs: string, start: Editing, release: { current: () => void }) {
  const kept = useDraft(keptAs, start);
  const { editing, name, body } = kept;
  const isNew = start.etag === null;
  const gaps = gapsOf(name, editing.draft);
  const checks = useChecks({ name, body, etag: editing.etag, isComplete: gaps.length === 0 });
  const saving = useSaving(kept, isNew, release);
  const [tries, setTries] = useState(0);
  const checked = checks.whole.isCurrent ? checks.whole.error : null;
  const problems = [
    ...(tries > 0 ? gaps : []),
    ...(isNew && [checked, saving.error].some(isStale) ? [nameIsTaken(name)] : []),
    ...(checks.whole.isCurrent ? [] : fieldProblems(saving.error)),
    ...checks.problems,
  ]
    .filter(isFirst)
    .sort((one, other) => place(one) - place(other));
  const summary = useRef<HTMLDivElement>(null);
  const versions = useRef<HTMLDivElement>(null);
  // They are on the page only after the try, far above the button that was pressed.
  useEffect(() => {
    if (tries > 0) (versions.current ?? summary.current)?.focus();
  }, [tries]);
  const save = async (etag: string | null) => {
    await saving.run(etag);
    setTries((count) => count + 1);
  };
  return {
    ...kept,
    isNew,
    gaps,
    checks,
    saving,
    problems,
    problem: problemsByField(problems),
    /** The problems after a person tried to save the form. */
    summarized: tries > 0 ? problems : [],
    summary,
    versions,
    save,
    submit: () => (gaps.length > 0 ? setTries(tries + 1) : void save(editing.etag)),
    hasConflict: !isNew && [checked, saving.error].some(isStale),
    take: (theirs: Version) => kept.set(versionOf(editing, theirs)),
    overwrite: (theirs: Version) => {
      kept.set({ ...editing, base: theirs.body, etag: theirs.etag });
      void save(theirs.etag);
    },
    change: (changes: Parameters<KeptDraft["change"]>[0]) => {
      if (!isUncertain(saving.error)) saving.reset();
      kept.change(changes);
    },
  };
}

export type FormState = ReturnType<typeof useForm>;

function useSaving(
  kept: KeptDraft,
  isNew: boolean,
  release: { current: () => void },
): Action<[string | null], unknown> {
  const { api } = useSession();
  const { go } = useNavigation();
  const toast = useToast();
  const { name, body } = kept;
  return useAction(async (etag: string | null) => {
    if (!isBody(body)) throw new Error("The automation has no trigger, no action or no targets.");
    const header = etag === null ? { "If-None-Match": "*" } : { "If-Match": etag };
    const stored = await read(api.PUT("/automations/{name}", { params: { path: { name }, header }, body }));
    kept.forget();
    release.current();
    toast([`${isNew ? "Created" : "Saved"} ${name}`, ...stored.warnings].join(". Warning: "));
    go(`/automations/${name}`);
    return stored;
  });
}

/** Return what is edited after a person took the version of someone else. */
function versionOf(editing: Editing, { body, etag }: Version): Editing {
  return { ...editing, draft: draftOf(body, LOCAL_ZONE), rest: body, base: body, etag };
}

function nameIsTaken(name: string): FieldProblem {
  return { field: "name", message: `There is already an automation ${name}. Choose another name` };
}

function isStale(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 412;
}

const ORDER = ["trigger", "action", "targets", "name"];

// The place of a field on the page.
function place({ field }: FieldProblem): number {
  const found = ORDER.indexOf(field.split(".")[0] ?? "");
  return found < 0 ? ORDER.length : found;
}

function isFirst(problem: FieldProblem, index: number, all: readonly FieldProblem[]): boolean {
  return index === all.findIndex((each) => each.field === problem.field && each.message === problem.message);
}
