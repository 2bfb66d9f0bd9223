"""`make demo`: on the whole system, a schedule event creates a chat for a company, and another mutes it.

Exit code 0 only if the stand-in of Whop then holds that chat, with its company, muted.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from local.console import BOLD, Console
from local.errors import LocalError
from local.setup import ROOT
from local.signals import interruptible
from local.system import System, running_system

if TYPE_CHECKING:
    from collections.abc import Sequence

FUNCTION = "RunScheduleFunction"


def main() -> int:
    """Run the demo. Returns the exit code."""
    console = Console()
    return interruptible(lambda: demonstrate(console))


def demonstrate(console: Console) -> int:
    """Bring the system up, fire both events, and show what came of them."""
    with running_system(console) as system:
        create = event("create_chat")
        company = create["targets"][0]
        with console.step(f"fire a schedule event: create a chat for {company}"):
            run = fire(system, create)
        with console.step(f"fire another: mute {run['chat_id']}"):
            fire(system, event("mute_chat", targets=[run["chat_id"]]))
        chat = next((chat for chat in system.chats() if chat["id"] == run["chat_id"]), None)
    if chat is None:
        raise LocalError(f"the stand-in of Whop does not hold {run['chat_id']}")
    show(console, chat, run["run_id"])
    if (chat["company_id"], chat["notification_preference"]) != (company, "none"):
        raise LocalError(f"the chat should be {company}'s, and muted")
    return 0


def event(name: str, **changes: object) -> dict[str, Any]:
    """An event of `events/schedule/`, with some of its fields changed."""
    content: dict[str, Any] = json.loads((ROOT / "events" / "schedule" / f"{name}.json").read_text())
    return content | changes


def fire(system: System, event: dict[str, Any]) -> dict[str, str]:
    """Give the event to the function that schedules invoke. Returns its only run."""
    runs: Sequence[dict[str, str]] = system.invoke(FUNCTION, event)["runs"]
    return runs[0]


def show(console: Console, chat: dict[str, Any], run_id: str) -> None:
    """The chat, for people."""
    console.line()
    console.line(console.coloured("The stand-in of Whop holds:", BOLD))
    preference = chat["notification_preference"]
    console.table(
        [
            ("chat", chat["id"]),
            ("title", chat["title"] or ""),
            ("company", chat["company_id"] or "none"),
            ("muted", "yes" if preference == "none" else f"no ({preference})"),
            ("run", run_id),
        ]
    )
    console.line()
    console.line("`make dev` keeps all this running, with the HTTP API.")


if __name__ == "__main__":
    sys.exit(main())
