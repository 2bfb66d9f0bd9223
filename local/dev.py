"""`make dev`: the whole system, until SIGINT or SIGTERM. The functions' logs are shown, and schedules fire."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from local.cloud.logs import Logs
from local.cloud.scheduler import Scheduler
from local.console import BOLD, Console
from local.repeat import repeating
from local.signals import SignalledError, interruptible
from local.standins.shared.command import port
from local.system import BEARER, WEBHOOK_SECRET, System, running_system

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTOMATION = {
    "trigger": {"type": "schedule", "expression": "rate(1 minute)"},
    "action": {
        "type": "whop.create_chat",
        "title": "Revenue at {{ slot.time }}",
        "message_text": "Summarise the revenue of this hour.",
        "notification_preference": "none",
    },
    "targets": ["biz_B"],
}


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end. Returns the exit code: 0 if it was told to."""
    options = parser().parse_args(arguments)
    return interruptible(partial(serve, Console(), options))


def parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    made = argparse.ArgumentParser("python -m local.dev", description=__doc__)
    made.add_argument("--port", type=port, default=3000, help="where the HTTP API listens (%(default)s)")
    made.add_argument("--whop-port", type=port, default=8001, help="where the stand-in of Whop listens (%(default)s)")
    made.add_argument("--kodey-port", type=port, default=8002, help="where the stand-in of Kodey listens (%(default)s)")
    made.add_argument(
        "--parameter",
        dest="parameters",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=parameter,
        help="a parameter of the stack, such as 'ScheduleExpression=rate(1 minute)'; may come more than once",
    )
    return made


def parameter(text: str) -> tuple[str, str]:
    """``NAME=VALUE``, taken apart.

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def serve(console: Console, options: argparse.Namespace) -> int:
    """Bring the system up, and stay until a signal comes."""
    with running_system(
        console,
        api_port=options.port,
        whop_port=options.whop_port,
        kodey_port=options.kodey_port,
        parameters=dict(options.parameters),
    ) as system:
        clients = system.emulator.clients
        groups = [value for name, value in system.stack.outputs.items() if name.endswith("Logs")]
        logs = Logs(clients, groups, console, prefix=f"/aws/lambda/{system.stack.name}-")
        scheduler = Scheduler(clients, console.line, lambda: datetime.now(UTC))
        with (
            repeating(scheduler.tick, every=0.5, tell=console.line),
            repeating(logs.look, every=1.0, tell=console.line),
        ):
            explain(console, system)
            with contextlib.suppress(SignalledError):
                threading.Event().wait()
    console.line("ended")
    return 0


def explain(console: Console, system: System) -> None:
    """What is where, and commands to copy."""
    console.line()
    console.table(
        [
            ("HTTP API", system.api_url),
            ("its token", BEARER),
            ("its docs", f"{system.api_url}/docs"),
            ("webhooks", f"{system.api_url}/webhooks/whop"),
            ("their secret", WEBHOOK_SECRET),
            ("Whop's stand-in", f"{system.whop_url}/api/v1"),
            ("what it holds", f"{system.whop_url}/_control/state"),
            ("Kodey's stand-in", system.kodey_url),
            ("what that holds", f"{system.kodey_url}/_control/state"),
            ("AWS", system.emulator.endpoint_url),
            ("stack", system.stack.name),
        ]
    )
    console.line()
    console.line(console.coloured("Try, in another terminal:", BOLD))
    for command in commands(system):
        console.line(f"  {command}")
    console.line()
    console.line("Logs follow; Ctrl-C ends it all.")


def commands(system: System) -> Iterator[str]:
    """Commands for a shell."""
    authorization = f"Authorization: Bearer {BEARER}"
    send = ["curl", "-i", "-H", authorization, "-H", "Content-Type: application/json"]
    text = "Summarise the revenue of this week."
    for_whop = json.dumps({"message_text": text, "company_id": "biz_A"})
    for_kodey = json.dumps({"message_text": text, "agent_id": "agent_support"})
    exports = [f"{name}={value}" for name, value in system.emulator.environment().items()]
    yield shlex.join([*send, f"{system.api_url}/chats", "-d", for_whop])
    yield shlex.join([*send, f"{system.api_url}/kodey/chats", "-d", for_kodey])
    yield shlex.join([*send, "-X", "PUT", f"{system.api_url}/automations/every-minute", "-d", json.dumps(AUTOMATION)])
    yield shlex.join(["curl", f"{system.api_url}/chats", "-H", authorization])
    yield f"export {shlex.join(exports)}  # for the AWS CLI and SDKs"


if __name__ == "__main__":
    sys.exit(main())
