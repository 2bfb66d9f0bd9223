"""Show the whole system at work (`make demo`): schedule events create and mute a chat at Whop, and create one at Kodey.

The exit code is 0 only if the mock servers then have the chats: Whop's with its company and muted, Kodey's with an
answer.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from local.console import Console, show_chat
from local.errors import LocalError
from local.setup import ROOT
from local.signals import interruptible
from local.system import System, running_system

if TYPE_CHECKING:
    from collections.abc import Sequence

FUNCTION = "RunScheduleFunction"
ANSWER_LIMIT = 30.0
"""Seconds until Kodey's chat must have its answer. Its run is performed from a queue."""


def main() -> int:
    """Run the demo. Return the exit code."""
    console = Console()
    return interruptible(lambda: demonstrate(console))


def demonstrate(console: Console) -> int:
    """Start the system, send the events, and show the results. Return the exit code 0."""
    with running_system(console) as system:
        create_for_whop(console, system)
        create_for_kodey(console, system)
    console.line("Next: `make dev` keeps this system running, with its HTTP API and its schedules.")
    return 0


def create_for_whop(console: Console, system: System) -> None:
    """Create a chat at Whop, mute it, and show it.

    Raises:
        LocalError: the mock server doesn't have the chat as expected.
    """
    create = event("create_chat")
    company = create["targets"][0]
    with console.step(f"send a schedule event: create a chat for {company}"):
        run = fire(system, create)
    with console.step(f"send another: mute {run['chat_id']}"):
        fire(system, event("mute_chat", targets=[run["chat_id"]]))
    chat = next((chat for chat in system.chats() if chat["id"] == run["chat_id"]), None)
    if chat is None:
        raise LocalError(f"the mock of Whop has no chat {run['chat_id']}")
    preference = chat["notification_preference"]
    rows = [
        ("chat", chat["id"]),
        ("title", chat["title"] or ""),
        ("company", chat["company_id"] or "none"),
        ("muted", "yes" if preference == "none" else f"no ({preference})"),
        ("run", run["run_id"]),
    ]
    show_chat(console, "Whop", rows)
    console.line()
    if (chat["company_id"], preference) != (company, "none"):
        raise LocalError(f"the chat must belong to {company} and be muted")


def create_for_kodey(console: Console, system: System) -> None:
    """Create a chat at Kodey, and show it with its answer.

    Raises:
        LocalError: the answer doesn't come in time, or the chat isn't as expected.
    """
    create = event("create_kodey_chat")
    agent = create["targets"][0]
    with console.step(f"send one for Kodey: create a chat with {agent}, and wait for the answer"):
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
    show_chat(console, "Kodey", rows)
    console.line()
    if (chat["agentId"], question["content"]) != (agent, create["action"]["message_text"]):
        raise LocalError(f"the chat must be with {agent} and start with the event's message")


def answered_chat(system: System) -> dict[str, Any]:
    """Wait until the only chat of the mock of Kodey has a message and its answer, and return it.

    Raises:
        LocalError: it takes longer than :data:`ANSWER_LIMIT`.
    """
    deadline = time.monotonic() + ANSWER_LIMIT
    while time.monotonic() < deadline:
        for chat in system.kodey_chats():
            if [message["role"] for message in chat["messages"]] == ["user", "assistant"]:
                return chat
        time.sleep(0.1)
    raise LocalError(f"the mock of Kodey has no chat with an answer after {ANSWER_LIMIT:.0f} s")


def event(name: str, **changes: object) -> dict[str, Any]:
    """Return an event of `events/schedule/`, with some fields changed."""
    content: dict[str, Any] = json.loads((ROOT / "events" / "schedule" / f"{name}.json").read_text())
    return content | changes


def fire(system: System, event: dict[str, Any]) -> dict[str, str]:
    """Invoke the function of schedules with the event. Return its only run."""
    runs: Sequence[dict[str, str]] = system.invoke(FUNCTION, event)["runs"]
    return runs[0]


if __name__ == "__main__":
    sys.exit(main())
