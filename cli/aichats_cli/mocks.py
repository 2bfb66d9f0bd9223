"""The mock servers of a local stack: what they have received, and how they fail."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from aichats_cli.errors import CommandError, UsageError
from aichats_cli.local_stack import describe, is_on_this_machine
from aichats_cli.profiles import LOCAL, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aichats_cli.local_stack import LocalStack
    from aichats_cli.output import Row
    from aichats_cli.session import Session

FAULT = re.compile(r"[45]\d\d|drop-before|drop-after|error-after|malformed|(delay|late):\d+(\.\d+)?")
FAULTS = "a status from 400 to 599, drop-before, drop-after, error-after, malformed, delay:SECONDS or late:SECONDS"


class MockServer(StrEnum):
    """The mock servers of a local stack."""

    whop = "whop"
    kodey = "kodey"
    receiver = "receiver"


class Requests(NamedTuple):
    """Requests to a mock server that a fault breaks."""

    method: str
    path: str


CREATED = {
    MockServer.whop: Requests("POST", "/api/v1/ai_chats"),
    MockServer.kodey: Requests("POST", "/chat"),
    MockServer.receiver: Requests("POST", "/*"),
}
"""The requests that a fault breaks if none are named: those that create a chat or deliver an event."""


def local_stack(session: Session) -> LocalStack:
    """Return the stack of `aichats dev`: that of the profile ``local``, unless a profile is named.

    Raises:
        CommandError: it doesn't run, or the named profile is another stack.
    """
    return describe(on_this_machine(session))


def on_this_machine(session: Session) -> Session:
    """Return the session, but with the profile ``local`` if the last login was to a stack elsewhere."""
    if session.is_profile_named or is_on_this_machine(session.profile):
        return session
    return session.with_profile(LOCAL)


class Control:
    """The control API of a mock server."""

    def __init__(self, session: Session, mock: MockServer) -> None:
        from aichats_cli.api import Api  # 60 ms

        url = local_stack(session).mocks[mock]
        # No attempt is repeated, because a fault that is added twice breaks twice as many requests.
        self._api = Api(Profile(mock, url, "local"), session.system, attempts=1)

    def state(self) -> dict[str, Any]:
        """Return all data of the mock server, and the requests that it received."""
        state: dict[str, Any] = self._api.get("/_control/state")
        return state

    def add(self, *faults: Mapping[str, object]) -> list[dict[str, Any]]:
        """Add faults, and return all that are still to come. No fault removes all.

        Raises:
            CommandError: the mock server has no such request.
        """
        from aichats_cli.api import ApiError

        try:
            armed: list[dict[str, Any]] = self._api.post("/_control/faults", list(faults)).body
        except ApiError as error:
            messages = [each["message"] for each in error.problem.get("errors", [])]
            raise CommandError("\n".join(messages) or error.message) from error
        return armed


def fault_of(text: str) -> str:
    """Return a fault in the words of the mock servers, such as `status:403` for `403`.

    Raises:
        UsageError: there is no such fault.
    """
    if not FAULT.fullmatch(text):
        raise UsageError(f"{text} is not a fault", f"use {FAULTS}")
    return f"status:{text}" if text.isdigit() else text.replace("-", "_")


SHOWN: dict[MockServer, tuple[str, str, dict[str, Callable[[Row], object]]]] = {
    MockServer.whop: (
        "chats",
        "id",
        {
            "chat": lambda chat: chat["id"],
            "company": lambda chat: chat["company_id"],
            "notifications": lambda chat: chat["notification_preference"],
            "title": lambda chat: chat["title"],
        },
    ),
    MockServer.kodey: (
        "chats",
        "id",
        {
            "chat": lambda chat: chat["id"],
            "agent": lambda chat: chat["agentId"],
            "user": lambda chat: chat["userId"],
            "messages": lambda chat: len(chat["messages"]),
        },
    ),
    MockServer.receiver: (
        "received",
        "webhook_id",
        {
            "event": lambda delivery: delivery["webhook_id"],
            "path": lambda delivery: delivery["path"],
            "signature": lambda delivery: delivery["signature"],
            "duplicate": lambda delivery: delivery["duplicate"],
            "answered": lambda delivery: delivery["status"],
        },
    ),
}
"""The table of a mock server: the part of its state, the field that identifies an item, and the columns."""
