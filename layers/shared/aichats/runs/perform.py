"""Does what a run says. The ledger that decides who may will stand before it."""

import contextvars
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aichats.errors import AichatsError, APITimeoutError, ProviderError, RunsFailedError
from aichats.http.deadline import remaining
from aichats.observability import count, logger
from aichats.runs.model import Run, WhopCreateChat, WhopUpdateChat
from aichats.whop import AiChat, CreateAiChat, UpdateAiChat, WhopClient

AT_ONCE = 10
"""Runs of one event that are performed at the same time."""

type WhopFor = Callable[[str | None], WhopClient]
"""Gives the client with the credential for a company."""


def perform(run: Run, whop: WhopFor) -> AiChat:
    """Do what a run says, once, and return the chat as it is then.

    Raises:
        ProviderError: it failed; ``chat_id`` is set if a chat exists all the same.
        AichatsError: any other failure, before anything was done.
    """
    result = _attempt(run, whop)
    _count([result])
    if isinstance(result, AichatsError):
        raise result
    return result


def perform_all(runs: Sequence[Run], whop: WhopFor) -> list[AiChat]:
    """Perform the runs, some at once. One that fails touches no other.

    Raises:
        RunsFailedError: after all were tried, if some failed.
    """
    if len(runs) == 1:
        results = [_attempt(runs[0], whop)]
    else:
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(runs))) as pool:
            # Each in a copy of this context: the deadline travels in it.
            jobs = [pool.submit(contextvars.copy_context().run, _attempt, run, whop) for run in runs]
            results = [job.result() for job in jobs]
    _count(results)
    failures = [
        (run.run_id, run.target, result)
        for run, result in zip(runs, results, strict=True)
        if isinstance(result, AichatsError)
    ]
    if failures:
        raise RunsFailedError(len(runs), failures)
    return [result for result in results if isinstance(result, AiChat)]


def _attempt(run: Run, whop: WhopFor) -> AiChat | AichatsError:
    """Do what a run says, and log what came of it."""
    begun = time.monotonic()
    about = {"run_id": run.run_id, "trigger": run.trigger, "automation": run.automation, "slot": run.slot}
    about |= {"action": run.action.type, "target": run.target}
    try:
        chat = _act(run, whop)
    except AichatsError as error:
        error.run_id = run.run_id
        chat_id = error.chat_id if isinstance(error, ProviderError) else None
        logger.error("run failed", extra=about | {"error": str(error), "chat_id": chat_id})
        return error
    took = round((time.monotonic() - begun) * 1000)
    logger.info("run succeeded", extra=about | {"chat_id": chat.id, "duration_ms": took})
    return chat


def _count(results: Sequence[AiChat | AichatsError]) -> None:
    """Count what came of runs. Not in their threads: Powertools' metrics are not safe to share between threads."""
    failed = sum(isinstance(result, AichatsError) for result in results)
    count("RunsFailed", failed)
    count("RunsSucceeded", len(results) - failed)


def _act(run: Run, whop: WhopFor) -> AiChat:
    if remaining(default=1.0) <= 0.0:
        raise APITimeoutError("not begun, because the time of this invocation is up", provider="whop")
    if isinstance(run.action, WhopCreateChat):
        return _create(run, run.action, whop(run.target))
    return _update(run.action, str(run.target), whop(run.action.company_id))


def _create(run: Run, action: WhopCreateChat, client: WhopClient) -> AiChat:
    fields = action.model_dump(exclude_unset=True, exclude={"type", "notification_preference"})
    if run.target is not None:
        fields["company_id"] = run.target
    # Built, not validated again: the limits were checked where the action came in.
    chat = client.create_ai_chat(CreateAiChat.model_construct(**fields), idempotency_key=f"{run.run_id}.1")
    if action.notification_preference in (None, chat.notification_preference):
        return chat
    try:
        return client.update_ai_chat(chat.id, UpdateAiChat(notification_preference=action.notification_preference))
    except ProviderError as error:
        error.chat_id = chat.id
        raise


def _update(action: WhopUpdateChat, chat_id: str, client: WhopClient) -> AiChat:
    fields = action.model_dump(exclude_unset=True, exclude={"type"})
    return client.update_ai_chat(chat_id, UpdateAiChat.model_construct(**fields))
