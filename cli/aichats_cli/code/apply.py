"""Applies a plan, one request after the other, and says what was done if it stops."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aichats_cli.api import Api, ApiError
from aichats_cli.code.remote import delete_automation, get_automation, put_automation
from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aichats_cli.code.plan import Action, Change, Plan
    from aichats_cli.models import AutomationView

PAST: dict[Action, str] = {"create": "created", "change": "changed", "delete": "deleted"}
GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED})
"""The statuses of a deletion whose first response may have been lost."""


class ChangedError(CommandError):
    """An automation has changed since the plan was made."""


@dataclass(frozen=True)
class Applied:
    """A change that was done, and the version after it."""

    name: str
    action: Action
    etag: str | None

    def __str__(self) -> str:
        """Return the change in words, such as ``created weekly``."""
        return f"{PAST[self.action]} {self.name}"


def apply_plan(api: Api, plan: Plan, done: Callable[[Applied], None], *, look: str, again: str) -> None:
    """Send the requests of a plan in its order. Stop at the first that fails.

    Args:
        api: the API of the stack.
        plan: the plan.
        done: called after each change.
        look: the command that shows a new plan, to type if an automation has changed.
        again: the command that finishes the plan, to type if something else failed.

    Raises:
        CommandError: a request failed, an automation has changed since, or Ctrl-C was pressed. The message says which
            changes are done.
    """
    for place, change in enumerate(plan.changes):
        try:
            applied = apply_change(api, change)
        except ChangedError as error:
            reason = f"{error.message}. It was not overwritten"
            raise stopped(plan.changes, place, reason, look, certain=True) from None
        except ApiError as error:
            certain = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
            raise stopped(plan.changes, place, error.message, error.hint or again, certain=certain) from None
        except CommandError as error:
            raise stopped(plan.changes, place, error.message, again, certain=False) from None
        except KeyboardInterrupt:
            raise stopped(plan.changes, place, "you pressed Ctrl-C", again, certain=False) from None
        done(applied)


def apply_change(api: Api, change: Change) -> Applied:
    """Send the request of a change.

    Raises:
        ChangedError: the automation has changed since the plan was made.
        CommandError: the request failed.
    """
    if change.body is None:
        _delete(api, change)
        return Applied(change.name, change.action, None)
    try:
        stored = put_automation(api, change.name, change.body, change.etag)
    except ApiError as error:
        if error.status != HTTPStatus.PRECONDITION_FAILED:
            raise
        # The response to an earlier attempt of this request may be lost. Then the automation has the planned version.
        current = get_automation(api, change.name)
        if current is None or current["etag"] != change.new_etag:
            raise changed_meanwhile(change, current) from None
        return Applied(change.name, change.action, change.new_etag)
    return Applied(change.name, change.action, stored["etag"])


def _delete(api: Api, change: Change) -> None:
    try:
        delete_automation(api, change.name, str(change.etag))
    except ApiError as error:
        if error.status not in GONE:
            raise
        current = get_automation(api, change.name)
        if current is not None:
            raise changed_meanwhile(change, current) from None


def changed_meanwhile(change: Change, current: AutomationView | None) -> ChangedError:
    """Return the error for an automation that has another version than the plan, or that was deleted."""
    if current is None:
        return ChangedError(f"{change.name} was deleted after the plan was made")
    verb = "created" if change.action == "create" else "changed"
    by = f" by {current['updated_by']}" if current["updated_by"] else ""
    return ChangedError(f"{change.name} was {verb}{by} after the plan was made")


def stopped(changes: Sequence[Change], place: int, reason: str, again: str, *, certain: bool) -> CommandError:
    """Return the error for a plan that stopped at one of its changes.

    Args:
        changes: the changes of the plan.
        place: the change at which it stopped.
        reason: why it stopped.
        again: the command to type.
        certain: the change was not performed. Otherwise it may have been.
    """
    done = [f"{PAST[change.action]} {change.name}" for change in changes[:place]]
    left = [f"{change.action} {change.name}" for change in changes[place if certain else place + 1 :]]
    lines = [f"stopped at {changes[place].name}: {reason}", f"  done:     {', '.join(done) or 'nothing'}"]
    if not certain:
        lines.append(f"  unknown:  {changes[place].action} {changes[place].name}")
    if left:
        lines.append(f"  not done: {', '.join(left)}")
    return CommandError("\n".join(lines), again)
