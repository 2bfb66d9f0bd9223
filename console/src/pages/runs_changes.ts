// Changes of runs: many as a job, or one by one. Each is safe to repeat.

import { type Api, ApiError, read, type Schemas, take } from "../api/client";
import { OPEN_STATUSES, type RunStatus } from "../ui/status";
import { CHANGEABLE, type Filters, jobFilterOf, type Verb, type Window } from "./runs_query";

const MAX_RUNS = 10_000;

export interface JobRequest {
  readonly verb: Verb;
  readonly filters: Filters;
  readonly window: Window | null;
  readonly statuses: readonly RunStatus[];
}

type ReplayStatus = Schemas["ReplayFilter"]["status"][number];
type CancelStatus = Schemas["CancelFilter"]["status"][number];

function isReplayStatus(status: RunStatus): status is ReplayStatus {
  return CHANGEABLE.replay.usual.includes(status) || CHANGEABLE.replay.others.includes(status);
}

function isCancelStatus(status: RunStatus): status is CancelStatus {
  return CHANGEABLE.cancel.usual.includes(status) || CHANGEABLE.cancel.others.includes(status);
}

/** Count the runs that a job would change. Nothing is changed. */
export async function countRuns(api: Api, request: JobRequest): Promise<Schemas["MatchingRuns"]> {
  const answer = await send(api, request, true, null);
  if (!("dry_run" in answer)) throw new Error("The API did not answer with a count.");
  return answer;
}

/** Start the job. The same key never starts a second one. */
export async function startJob(api: Api, request: JobRequest, key: string): Promise<Schemas["StartedJob"]> {
  const answer = await send(api, request, false, key);
  if (!("job_id" in answer)) throw new Error("The API did not answer with a job.");
  return answer;
}

function send(api: Api, { verb, filters, window, statuses }: JobRequest, dry_run: boolean, key: string | null) {
  const common = { dry_run, limit: MAX_RUNS };
  const filter = jobFilterOf(filters, window);
  const params = { header: key === null ? {} : { "Idempotency-Key": key } };
  return verb === "replay"
    ? read(
        api.POST("/runs/replay", {
          params,
          body: { ...common, filter: { ...filter, status: statuses.filter(isReplayStatus) } },
        }),
      )
    : read(
        api.POST("/runs/cancel", {
          params,
          body: { ...common, filter: { ...filter, status: statuses.filter(isCancelStatus) } },
        }),
      );
}

/** The result of the change of one run. */
export interface Changed {
  readonly done: boolean;
  /** More about it: why the run was left as before, or which runs replace it. */
  readonly detail: string;
  readonly run_ids: readonly string[];
}

/**
 * Replay a run. If it is open already, for example because the answer to an earlier replay got lost, that is enough.
 * Raise an error only if the replay of other runs would fail, too.
 */
export async function replayRun(api: Api, run_id: string): Promise<Changed> {
  try {
    const { run_ids } = await read(api.POST("/runs/{run_id}/replay", { params: { path: { run_id } } }));
    return { done: true, detail: run_ids.includes(run_id) ? "" : "New runs replace it.", run_ids };
  } catch (error) {
    if (!isAboutTheRun(error)) throw error;
    return (await alreadyReplayed(api, run_id, error)) ?? { done: false, detail: error.message, run_ids: [] };
  }
}

async function alreadyReplayed(api: Api, run_id: string, error: ApiError): Promise<Changed | null> {
  if (error.status !== 409) return null;
  const run = await read(api.GET("/runs/{run_id}", { params: { path: { run_id } } }));
  if (OPEN_STATUSES.includes(run.status)) return { done: true, detail: "It is performed already.", run_ids: [run_id] };
  const replaced = run.error?.replaced_by;
  return replaced?.length ? { done: true, detail: "Other runs replaced it before.", run_ids: replaced } : null;
}

/** Cancel a run. Raise an error only if the cancellation of other runs would fail, too. */
export async function cancelRun(api: Api, run_id: string, reason: string): Promise<Changed> {
  const body = { reason: reason || null };
  try {
    const { status } = await take(api.POST("/runs/{run_id}/cancel", { params: { path: { run_id } }, body }));
    const detail = status === 202 ? "aichats first checks whether its chat exists." : "";
    return { done: true, detail, run_ids: [run_id] };
  } catch (error) {
    if (!isAboutTheRun(error)) throw error;
    return { done: false, detail: error.message, run_ids: [] };
  }
}

function isAboutTheRun(error: unknown): error is ApiError {
  return error instanceof ApiError && [404, 409, 422].includes(error.status);
}
