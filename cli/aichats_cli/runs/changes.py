"""Changes of single runs: replay, cancel and resolve. Each is safe to type again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypedDict

from aichats_cli.api import ApiError
from aichats_cli.errors import CommandError
from aichats_cli.ids import path_to_run
from aichats_cli.output import Format
from aichats_cli.runs.options import REPLAYABLE
from aichats_cli.wait import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aichats_cli.models import RunView
    from aichats_cli.session import Session

REFUSED = "not changed"
"""The result of a run that the API did not change."""
STAYS = "would stay"
"""The result of a run that a replay would not change."""
AGAIN = "Runs before it are done. Type the same command again: it changes no run twice."


class ChangedRun(TypedDict):
    """The result of a change of a run.

    Attributes:
        run_id: the run that was named.
        result: what was done.
        detail: more about it, for people.
        run_ids: the runs that are performed now.
    """

    run_id: str
    result: str
    detail: str
    run_ids: list[str]


def change_each(
    session: Session, run_ids: Sequence[str], change: Callable[[Session, str], ChangedRun]
) -> list[ChangedRun]:
    """Change runs one after the other, and print the result of each. Return the results.

    Raises:
        CommandError: the API can't be reached, or rejects the change of any run. The runs before it were changed.
    """
    results: list[ChangedRun] = []
    try:
        # One by one, so that the list has those that were changed if one raises.
        results.extend(attempt(session, run_id, change) for run_id in run_ids)
    except CommandError as error:
        raise type_again(error) from error
    finally:
        show_changed(session, results)
    return results


def check_changed(results: Sequence[ChangedRun]) -> None:
    """Check that each run was changed.

    Raises:
        CommandError: the API rejected the change of a run.
    """
    refused = [each for each in results if each["result"] == REFUSED]
    if refused:
        many = f"{len(refused)} of {len(results)} runs were not changed: " if len(results) > 1 else ""
        raise CommandError(f"{many}{refused[0]['detail']}", "list the runs, with what to do: aichats runs list")


def attempt(session: Session, run_id: str, change: Callable[[Session, str], ChangedRun]) -> ChangedRun:
    """Change a run. Return the result, even if the API rejects the change of this run."""
    try:
        return change(session, run_id)
    except ApiError as error:
        if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
            raise
        return changed(run_id, REFUSED, error.message)


def type_again(error: CommandError) -> CommandError:
    """Return an error that stopped changes in the middle, with what is left to do if it may pass."""
    return CommandError(error.message, AGAIN) if error.is_temporary else error


def show_changed(session: Session, results: Sequence[ChangedRun]) -> None:
    """Print the results of changes. The names are what the next command takes: the runs that are performed now."""
    if session.output.format is Format.name:
        changed_runs = (each for each in results if each["result"] not in {REFUSED, STAYS})
        session.output.lines(run_id for each in changed_runs for run_id in each["run_ids"] or [each["run_id"]])
    elif results:
        columns: dict[str, Callable[[Any], object]] = {name: _field(name) for name in ("result", "detail")}
        session.output.items(results, {"run": _field("run_id"), **columns}, name="run_id")


def _field(name: str) -> Callable[[Any], object]:
    return lambda each: each[name]


def changed(run_id: str, result: str, detail: str = "", run_ids: Sequence[str] = ()) -> ChangedRun:
    """Return the result of a change."""
    return {"run_id": run_id, "result": result, "detail": detail, "run_ids": list(run_ids)}


def replay(session: Session, run_id: str) -> ChangedRun:
    """Replay a run. If it is open already, for example because the answer to a replay got lost, that is enough.

    Raises:
        ApiError: the run can't be replayed.
    """
    try:
        run_ids = session.api.post(f"{path_to_run(run_id)}/replay").body["run_ids"]
    except ApiError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        run: RunView = session.api.get(path_to_run(run_id))
        if run["status"] not in ENDED:
            return changed(run_id, f"already {run['status']}", "it is performed already", [run_id])
        if run["status"] == "succeeded":
            return changed(run_id, "already succeeded", f"chat {run['chat_id']}" if run["chat_id"] else "")
        replaced = (run["error"] or {}).get("replaced_by")
        if replaced:
            return changed(run_id, "already replayed", f"as {', '.join(replaced)}", replaced)
        raise
    others = [each for each in run_ids if each != run_id]
    return changed(run_id, "replayed", f"as {', '.join(others)}" if others else "", run_ids)


def preview_replay(session: Session, run_id: str) -> ChangedRun:
    """Return what a replay of a run would do.

    Raises:
        ApiError: the run doesn't exist.
    """
    run: RunView = session.api.get(path_to_run(run_id))
    result = "would be replayed" if run["status"] in REPLAYABLE else STAYS
    return changed(run_id, result, f"it is {run['status']}")


def canceller(reason: str | None) -> Callable[[Session, str], ChangedRun]:
    """Return what cancels a run for a reason."""

    def cancel(session: Session, run_id: str) -> ChangedRun:
        answer = session.api.post(f"{path_to_run(run_id)}/cancel", {"reason": reason} if reason else None)
        if answer.status == HTTPStatus.ACCEPTED:
            return changed(run_id, "being cancelled", "aichats first checks whether its chat exists", [run_id])
        return changed(run_id, "cancelled")

    return cancel


def resolve_run(session: Session, run_id: str, found: Mapping[str, str]) -> RunView:
    """Record the outcome of a run. Return the run.

    If the run has this outcome already, for example because an answer got lost, that is enough.

    Args:
        session: sends the request.
        run_id: the run.
        found: the ``chat_id`` of a run that succeeded; for a run that failed, nothing or a ``reason``.

    Raises:
        ApiError: the outcome of the run is known, and is another one.
    """
    outcome = "succeeded" if "chat_id" in found else "failed"
    try:
        run: RunView = session.api.post(f"{path_to_run(run_id)}/resolve", {"outcome": outcome, **found}).body
    except ApiError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        run = session.api.get(path_to_run(run_id))
        if run["status"] != outcome or run["chat_id"] != found.get("chat_id", run["chat_id"]):
            raise
        session.note(f"run {run_id} had this outcome already")
    return run
