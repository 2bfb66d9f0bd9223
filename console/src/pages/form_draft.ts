// What a person typed, kept in the tab: a reload, an expired token or a mistake loses nothing.

import { useEffect, useMemo, useState } from "preact/hooks";
import { bodyOf, type Draft, newDraft } from "../model/draft";
import { nameFor } from "../model/draft_gaps";
import { isEqual, isObject, type JsonObject } from "../model/json";
import { LOCAL_ZONE } from "../time";

/** What is being edited. */
export interface Editing {
  /** The typed name; null while the suggested one is used. */
  readonly name: string | null;
  readonly draft: Draft;
  /** The automation that the draft came from, with the fields that the form doesn't know. */
  readonly rest: JsonObject;
  /** What the person began with, and its version; the version of a new automation is null. */
  readonly base: JsonObject;
  readonly etag: string | null;
}

/** Changes with each incompatible form of what is kept. */
const FORM = 1;

export interface KeptDraft {
  readonly editing: Editing;
  readonly name: string;
  readonly body: JsonObject;
  readonly isChanged: boolean;
  /** True if the draft is one that was left before. */
  readonly wasKept: boolean;
  set(editing: Editing): void;
  change(changes: Partial<Draft>): void;
  /** Forget what was typed, and begin again. */
  discard(): void;
  /** Forget what is kept in the tab, but not on the page. */
  forget(): void;
}

/** Keep a draft under a key of the tab. */
export function useDraft(key: string, start: Editing): KeptDraft {
  const [kept] = useState(() => stored(key));
  const [editing, setEditing] = useState(kept ?? start);
  const [wasKept, setWasKept] = useState(kept !== null);
  const body = useMemo(() => bodyOf(editing.draft, editing.rest), [editing.draft, editing.rest]);
  const name = editing.name ?? nameFor(editing.draft.title, editing.draft.message);
  const isNew = editing.etag === null;
  const isChanged =
    !isEqual(body, isNew ? bodyOf(start.draft, start.rest) : editing.base) || editing.name !== start.name;
  useEffect(() => {
    if (isChanged) sessionStorage.setItem(key, JSON.stringify({ form: FORM, editing }));
    else sessionStorage.removeItem(key);
  }, [key, editing, isChanged]);
  return {
    editing,
    name,
    body,
    isChanged,
    wasKept: wasKept && isChanged,
    set: setEditing,
    change: (changes) => setEditing((before) => ({ ...before, draft: { ...before.draft, ...changes } })),
    discard: () => {
      setWasKept(false);
      setEditing(start);
    },
    forget: () => sessionStorage.removeItem(key),
  };
}

function stored(key: string): Editing | null {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
    return isKept(value) ? value.editing : null;
  } catch {
    return null;
  }
}

function isKept(value: unknown): value is { editing: Editing } {
  return isObject(value) && value.form === FORM && isObject(value.editing);
}

/** Return what a person begins a new automation with. */
export function newEditing(): Editing {
  const draft = newDraft(LOCAL_ZONE);
  return { name: null, draft, rest: {}, base: {}, etag: null };
}
