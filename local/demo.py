"""`make demo`: on the whole system, schedule events create and mute a chat at Whop, and create one at Kodey.

Exit code 0 only if the stand-ins then hold the chats: Whop's with its company, muted, Kodey's with an answer.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from local.console import BOLD, Console
from local.errors import LocalError
from local.setup import ROOT
from local.signals import interruptible
from local.system import System, running_system

if TYPE_CHECKING:
    from collections.abc import Sequence

FUNCTION = "RunScheduleFunction"
ANSWER_LIMIT = 30.0
"""Seconds until Kodey's chat has to have its answer: its run is performed from a queue."""


def main() -> int:
    """Run the demo. Returns the exit code."""
    console = Console()
    return interruptible(lambda: demonstrate(console))


def demonstrate(console: Console) -> int:
    """Bring the system up, fire the events, and show what came of them."""
    with running_system(console) as system:
        create_for_whop(console, system)
        create_for_kodey(console, system)
    console.line("`make dev` keeps all this running, with the HTTP API.")
    return 0


def create_for_whop(console: Console, system: System) -> None:
    """Create a chat of Whop's, mute it, and show it.

    Raises:
        LocalError: the stand-in does not hold it as it should be.
    """
    create = event("create_chat")
    company = create["targets"][0]
    with console.step(f"fire a schedule event: create a chat for {company}"):
        run = fire(system, create)
    with console.step(f"fire another: mute {run['chat_id']}"):
        fire(system, event("mute_chat", targets=[run["chat_id"]]))
    chat = next((chat for chat in system.chats() if chat["id"] == run["chat_id"]), None)
    if chat is None:
        raise LocalError(f"the stand-in of Whop does not hold {run['chat_id']}")
    preference = chat["notification_preference"]
    rows = [
        ("chat", chat["id"]),
        ("title", chat["title"] or ""),
        ("company", chat["company_id"] or "none"),
        ("muted", "yes" if preference == "none" else f"no ({preference})"),
        ("run", run["run_id"]),
    ]
    show(console, "Whop", rows)
    if (chat["company_id"], preference) != (company, "none"):
        raise LocalError(f"the chat should be {company}'s, and muted")


def create_for_kodey(console: Console, system: System) -> None:
    """Create a chat of Kodey's, and show it with its answer.

    Raises:
        LocalError: there is no answer in time.
    """
    create = event("create_kodey_chat")
    agent = create["targets"][0]
    with console.step(f"fire one for Kodey: create a chat with {agent}, and wait for the answer"):
        run = fire(system, create)
        chat = answered_chat(system)
    question, answer = chat["messages"]
    rows = [
        ("chat", chat["id"]),
        ("agent", chat["agentId"]),
        ("message", question["content"]),
        ("answer", answer["content"]),
        ("run", run["run_id"]),
    ]
    show(console, "Kodey", rows)
    if (chat["agentId"], question["content"]) != (agent, create["action"]["message_text"]):
        raise LocalError(f"the chat should be with {agent}, and begin with the event's message")


def answered_chat(system: System) -> dict[str, Any]:
    """The only chat that the stand-in of Kodey holds, once it holds a message and its answer.

    Raises:
        LocalError: that takes too long.
    """
    deadline = time.monotonic() + ANSWER_LIMIT
    while time.monotonic() < deadline:
        for chat in system.kodey_chats():
            if [message["role"] for message in chat["messages"]] == ["user", "assistant"]:
                return chat
        time.sleep(0.1)
    raise LocalError(f"the stand-in of Kodey holds no chat with an answer after {ANSWER_LIMIT:.0f} s")


def event(name: str, **changes: object) -> dict[str, Any]:
    """An event of `events/schedule/`, with some of its fields changed."""
    content: dict[str, Any] = json.loads((ROOT / "events" / "schedule" / f"{name}.json").read_text())
    return content | changes


def fire(system: System, event: dict[str, Any]) -> dict[str, str]:
    """Give the event to the function that schedules invoke. Returns its only run."""
    runs: Sequence[dict[str, str]] = system.invoke(FUNCTION, event)["runs"]
    return runs[0]


def show(console: Console, provider: str, rows: list[tuple[str, str]]) -> None:
    """A chat, for people."""
    console.line()
    console.line(console.coloured(f"The stand-in of {provider} holds:", BOLD))
    console.table(rows)
    console.line()


if __name__ == "__main__":
    sys.exit(main())
