// What the API says about a draft while a person types. A slow or failed check never blocks typing.

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, read, type Schemas } from "../api/client";
import { asError, useSettled } from "../hooks";
import { isBody } from "../model/draft";
import type { FieldProblem } from "../model/draft_gaps";
import type { JsonObject } from "../model/json";
import { useSession } from "../session";

const TRIGGER_MS = 350;
const WHOLE_MS = 600;

export interface Check<T> {
  /** The newest answer; it may be for what was typed before. */
  readonly data: T | undefined;
  readonly error: Error | null;
  /** True if the answer or the error is for what is typed now. */
  readonly isCurrent: boolean;
}

/** Check what a key names, after it has not changed for so many milliseconds. Null: there is nothing to check. */
function useCheck<T>(key: string | null, milliseconds: number, load: () => Promise<T>): Check<T> {
  const settled = useSettled(key, milliseconds);
  const [state, setState] = useState<{ key: string | null; data?: T; error: Error | null }>({ key: null, error: null });
  const loader = useRef(load);
  loader.current = load;
  const isSettled = settled === key;
  useEffect(() => {
    if (!isSettled) return undefined;
    if (key === null) {
      setState({ key, error: null });
      return undefined;
    }
    let isWanted = true;
    loader.current().then(
      (data) => isWanted && setState({ key, data, error: null }),
      (error: unknown) => isWanted && setState((before) => ({ ...before, key, error: asError(error) })),
    );
    return () => {
      isWanted = false;
    };
  }, [key, isSettled]);
  return { data: state.data, error: state.error, isCurrent: state.key === key };
}

export type Times = readonly Schemas["FireTime"][];
type Rendered = Schemas["RenderedPreview"];

interface Checks {
  /** The next times of the schedule; nothing for a webhook. */
  readonly times: Check<Times>;
  /** The answer to a PUT that stores nothing. */
  readonly whole: Check<readonly string[]>;
  /** What the automation will send. */
  readonly rendered: Check<Rendered | undefined>;
  /** The problems at fields, as the API says them. */
  readonly problems: readonly FieldProblem[];
}

interface Checked {
  name: string;
  body: JsonObject;
  /** The version that the person edits; null for a new automation. */
  etag: string | null;
  /** True if nothing is missing. */
  isComplete: boolean;
}

export function useChecks({ name, body, etag, isComplete }: Checked): Checks {
  const { api, can } = useSession();
  const trigger = body.trigger;
  const canPreview = can("preview_schedule");
  const times = useCheck<Times>(
    canPreview && isSchedule(trigger) && trigger.expression ? JSON.stringify(trigger) : null,
    TRIGGER_MS,
    async () => {
      if (!isSchedule(trigger)) return [];
      const found = await read(api.POST("/automations/preview", { params: { query: { count: 5 } }, body: trigger }));
      return Array.isArray(found) ? found : found.times;
    },
  );
  const key = isComplete ? JSON.stringify([name, etag, body]) : null;
  const whole = useCheck(key, WHOLE_MS, async () => {
    const header = etag === null ? { "If-None-Match": "*" } : { "If-Match": etag };
    const params = { path: { name }, query: { dry_run: true }, header };
    if (!isBody(body)) return [];
    return (await read(api.PUT("/automations/{name}", { params, body }))).warnings;
  });
  const rendered = useCheck<Rendered | undefined>(canPreview ? key : null, WHOLE_MS, async () => {
    const asked: unknown = { ...body, name };
    if (!isPreviewBody(asked)) return undefined;
    const found = await read(api.POST("/automations/preview", { params: { query: { count: 5 } }, body: asked }));
    return Array.isArray(found) ? undefined : found;
  });
  return { times, whole, rendered, problems: problemsOf(times, whole) };
}

/** Return the problems at fields that an error of the API names. */
export function fieldProblems(error: Error | null, within = ""): FieldProblem[] {
  if (!(error instanceof ApiError)) return [];
  return (error.problem?.errors ?? []).map(({ field, message }) => ({ field: within + field, message }));
}

function problemsOf(times: Check<Times>, whole: Check<unknown>): FieldProblem[] {
  const found = whole.isCurrent ? fieldProblems(whole.error) : [];
  if (found.some((each) => each.field.startsWith("trigger.")) || !times.isCurrent) return found;
  return [...fieldProblems(times.error, "trigger."), ...found];
}

function isSchedule(trigger: unknown): trigger is Schemas["ScheduleTrigger"] {
  return typeof trigger === "object" && trigger !== null && "type" in trigger && trigger.type === "schedule";
}

function isPreviewBody(value: unknown): value is Schemas["AutomationToPreview"] {
  return isBody(value);
}
