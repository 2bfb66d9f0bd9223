"""Run the whole system until a signal ends it (`make dev`). Schedules fire, and the functions' logs are shown."""

from __future__ import annotations

import argparse
import shlex
import sys
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aichats_cli.profiles import BUILT_IN
from aichats_cli.signals import SignalledError
from local.cloud.logs import Logs, log_store
from local.cloud.scheduler import Scheduler
from local.console import BOLD, DIM, Console
from local.kept import FOLDER, kept, locked
from local.repeat import repeating
from local.setup import ROOT, VENV
from local.signals import interruptible
from local.standins.receiver.page import SHOWN_EVENTS
from local.standins.shared.command import port
from local.system import BEARER, WEBHOOK_SECRET, System, running_system

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = "Logs follow. Press Ctrl-C to stop."
"""The line that is printed when everything runs."""
CLIENT_ID = "app_local"
"""App for `aichats admin connect`. The mock of Whop accepts any app."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal arrives. Return the exit code: 0 if the end was a signal."""
    options = parser().parse_args(arguments)
    return interruptible(partial(serve, Console(), options))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("python -m local.dev", description=__doc__)
    made.add_argument("--port", type=port, default=3000, help="port of the HTTP API (default: %(default)s)")
    made.add_argument("--whop-port", type=port, default=8001, help="port of the mock of Whop (default: %(default)s)")
    made.add_argument("--kodey-port", type=port, default=8002, help="port of the mock of Kodey (default: %(default)s)")
    made.add_argument(
        "--receiver-port", type=port, default=8003, help="port of the mock receiver of events (default: %(default)s)"
    )
    made.add_argument(
        "--keep",
        nargs="?",
        const=FOLDER,
        type=Path,
        metavar="FOLDER",
        help=f"keep the data over a restart, in {shown(FOLDER)} or in this folder (KEEP=1)",
    )
    made.add_argument(
        "--keys",
        choices=["allowed", "forbidden"],
        default="allowed",
        help="whether API keys may create, change and delete chats of Whop (KEYS=, default: %(default)s)",
    )
    made.add_argument(
        "--parameter",
        dest="parameters",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=parameter,
        help="a parameter of the stack, such as 'ScheduleExpression=rate(1 minute)'; repeat the option for more",
    )
    return made


def parameter(text: str) -> tuple[str, str]:
    """Return the name and the value of ``NAME=VALUE``.

    Raises:
        argparse.ArgumentTypeError: the text has no ``=``.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def serve(console: Console, options: argparse.Namespace) -> int:
    """Start the system, and serve until a signal arrives. Return the exit code 0."""
    with ExitStack() as running:
        folder = running.enter_context(locked(options.keep)) if options.keep else None
        system = running.enter_context(
            running_system(
                console,
                api_port=options.port,
                whop_port=options.whop_port,
                kodey_port=options.kodey_port,
                receiver_port=options.receiver_port,
                parameters=dict(options.parameters),
                data=folder,
                api_keys=options.keys,
                log=lambda call: console.line(f"{console.colored(f'{datetime.now(UTC):%H:%M:%S} http', DIM)} {call}"),
            )
        )
        if folder:
            running.enter_context(kept(system, folder, console.line))
        clients = system.emulator.clients
        logs = Logs(log_store(clients, system.stack), console)
        # The sweep fires every five minutes and mostly has nothing to do.
        quiet = () if dict(options.parameters).get("LogLevel") == "DEBUG" else (f"{system.stack.name}-sweep",)
        scheduler = Scheduler(clients, console.line, lambda: datetime.now(UTC), quiet)
        running.enter_context(repeating(scheduler.tick, every=0.5, report=console.line))
        running.enter_context(repeating(logs.show_new, every=1.0, report=console.line))
        explain(console, system, folder, options.keys)
        with suppress(SignalledError):
            threading.Event().wait()
    console.line(f"ended; the data is in {shown(folder)}" if folder else "ended")
    return 0


def explain(console: Console, system: System, folder: Path | None, keys: str) -> None:
    """Show the addresses, what API keys may do, what happens to the data, and commands to copy."""
    console.line()
    console.table(
        [
            ("console", f"{system.api_url}/console"),
            ("HTTP API", system.api_url),
            ("token", BEARER),
            ("API docs", f"{system.api_url}/docs"),
            ("webhooks", f"{system.api_url}/webhooks/whop"),
            ("webhook secret", WEBHOOK_SECRET),
            ("mock of Whop", f"{system.whop_url}/api/v1"),
            ("its chats", f"{system.whop_url}/_control/state"),
            ("its OAuth", f"{system.whop_url}/oauth"),
            ("mock of Kodey", system.kodey_url),
            ("and its chats", f"{system.kodey_url}/_control/state"),
            ("mock receiver", system.receiver_url),
            ("AWS", system.emulator.endpoint_url),
            ("stack", system.stack.name),
        ]
    )
    console.line()
    for line in (*about_keys(keys), *about_data(folder)):
        console.line(line)
    console.line()
    console.line(console.colored("Try in another terminal:", BOLD))
    for command in commands(system):
        console.line(f"  {command}")
    console.line()
    console.line(READY)


def about_keys(keys: str) -> Iterator[str]:
    """Return the lines about API keys, if the mock of Whop forbids them to write."""
    if keys == "forbidden":
        yield "API keys can't create, change or delete chats of Whop (KEYS=forbidden)."
        yield "Connect a user with aichats admin connect."


def about_data(folder: Path | None) -> Iterator[str]:
    """Return the lines that say what happens to the data at the end."""
    if folder is None:
        yield "All data is lost when this stops. To keep it: make dev KEEP=1"
        return
    yield f"Automations, runs, secrets and the chats of the mock servers are kept in {shown(folder)}."
    yield "Times that pass while this is stopped count as missed runs."
    yield f"To delete the data, stop this and type: rm -rf {shown(folder)}"


def shown(folder: Path) -> str:
    """Return the path of a folder as people type it in this project."""
    return str(folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder)


def commands(system: System) -> Iterator[str]:
    """Return commands for a shell. The first ones prepare it for the others."""
    text = ["--message", "Summarize the revenue of this week."]
    exports = [f"{name}={value}" for name, value in system.emulator.environment().items()]
    yield f'export PATH={shlex.quote(str(VENV / "bin"))}:"$PATH"  # finds the command aichats'
    if system.api_url != BUILT_IN.url:
        profile = [f"AICHATS_URL={system.api_url}", f"AICHATS_TOKEN={BEARER}"]
        yield f"export {shlex.join(profile)}  # for the command aichats"
    for words in (
        ["chats", "create", "--for", "biz_A", *text],
        ["chats", "create", "--kodey", "--for", "agent_support", *text],
        ["auto", "create", "every-minute", "--every", "1m", "--for", "biz_B", "--mute", *text],
        ["notify", "add", "webhook", "local", "--url", system.receiver_url, "--types", ",".join(SHOWN_EVENTS)],
        ["status"],
        ["admin", "connect", "--client-id", CLIENT_ID],
    ):
        yield shlex.join(["aichats", *words])
    yield f"export {shlex.join(exports)}  # for the AWS CLI and SDKs"


if __name__ == "__main__":
    sys.exit(main())
