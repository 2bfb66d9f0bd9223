"""A reader of the documentation, who types the shell blocks of its pages into a terminal beside `make dev`."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from aichats.aws.clients import converting
from aichats.aws.secret_versions import SecretVersions
from local.cloud.clients import Clients
from local.cloud.functions import invoke
from local.plain_http import plain_client
from local.ports import free_port
from local.setup import ROOT
from local.system import BEARER, STACK
from tests.support.commands import Program
from tests.support.dev import emulator_of
from tests.support.markdown import DOCS, ShellBlock, shell_blocks
from tests.support.waiting import PATIENCE, until

WRITTEN_ON = date(2026, 11, 30)
"""The Monday that is today on the pages."""
ZONE = ZoneInfo("Europe/Berlin")
"""The time zone of the schedules on the pages."""
CONSENT = f"{sys.executable} -m tests.support.leaks.browser allow %s"
"""A browser whose user allows access to Whop at once."""


def as_today(text: str, today: date) -> str:
    """Return a text with its dates moved by whole weeks, into the same week as today.

    Dates before the week of ``WRITTEN_ON`` stay in the past, and dates after that week stay in the future. A time
    in UTC keeps its wall-clock time in ``ZONE``, because a schedule there fires an hour earlier in UTC in summer.
    """
    moved = (today - WRITTEN_ON) // timedelta(weeks=1) * timedelta(weeks=1)

    def move(found: re.Match[str]) -> str:
        if not found["clock"]:
            return str(date.fromisoformat(found["day"]) + moved)
        at_home = datetime.fromisoformat(found[0]).astimezone(ZONE) + moved
        return f"{at_home.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    return re.sub(r"(?<!\d)(?P<day>20\d\d-\d\d-\d\d)(?P<clock>T\d\d:\d\d:\d\dZ)?(?!\d)", move, text)


def with_yesterday(slot: str, now: datetime) -> str:
    """Return a slot such as `daily-numbers yesterday 08:30` with its time in UTC. Other slots stay as they are."""

    def named(found: re.Match[str]) -> str:
        clock = time.fromisoformat(found["clock"])
        yesterday = datetime.combine(now.date() - timedelta(days=1), clock, now.tzinfo)
        return f"{yesterday.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    return re.sub(r"yesterday (?P<clock>\d\d:\d\d)", named, slot)


@dataclass(frozen=True)
class LocalStack:
    """A running `make dev`, in place of the one that the pages name, and of the stack that they deploy."""

    dev: Program

    @property
    def _ports(self) -> dict[str, str]:
        names = {"3000": "HTTP API", "8001": "mock of Whop", "8002": "mock of Kodey", "8003": "mock receiver"}
        return {port: re.findall(r":(\d+)", self.dev.value(name))[0] for port, name in names.items()}

    def adapt(self, text: str) -> str:
        """Return commands, or a pattern of what they print, for this system and for today."""
        text = re.sub(r"127\.0\.0\.1:(\d+)", lambda found: f"127.0.0.1:{self._ports[found[1]]}", text)
        text = text.replace("aichats admin connect ", f"aichats admin connect --port {free_port()} ")
        return as_today(text.replace("aichats-dev", STACK), datetime.now(UTC).date())

    def reset(self) -> None:
        """Remove what earlier pages left: pauses, automations, subscriptions, runs, secrets, chats and faults."""
        with plain_client(
            base_url=self.dev.value("HTTP API"), headers={"Authorization": f"Bearer {BEARER}"}, timeout=PATIENCE
        ) as api:
            api.post("/resume").raise_for_status()
            for automation in api.get("/automations").json()["data"]:
                api.delete(f"/automations/{automation['name']}").raise_for_status()
            for subscription in api.get("/subscriptions").json()["data"]:
                api.delete(f"/subscriptions/{subscription['name']}").raise_for_status()
            until(lambda: not api.get("/runs?status=pending,performing").json()["data"])
            for port in ("8001", "8002", "8003"):
                api.post(f"http://127.0.0.1:{self._ports[port]}/_control/reset").raise_for_status()
        self._forget_runs()
        self._restore_secrets()

    def fire(self, automation: str, slot: str) -> None:
        """Send the event of an automation's schedule for a slot."""
        event = {"automation": automation, "scheduled_time": slot}
        invoke(self._clients, self._output("RunScheduleFunction"), event)

    @cached_property
    def _clients(self) -> Clients:
        return emulator_of(self.dev).clients

    def _output(self, name: str) -> str:
        [stack] = self._clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}[name]

    @cached_property
    def _first_secrets(self) -> dict[str, str]:
        return self._secrets()

    def _secrets(self) -> dict[str, str]:
        versions = SecretVersions(converting(self._clients.secrets))
        return {name: versions.current(name).text for name in versions.names("aichats/")}

    def _restore_secrets(self) -> None:
        for name in self._secrets().keys() - self._first_secrets.keys():
            self._clients.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        for name, text in self._first_secrets.items() - self._secrets().items():
            self._clients.secrets.put_secret_value(SecretId=name, SecretString=text)

    def _forget_runs(self) -> None:
        dynamodb, table = self._clients.dynamodb, self._output("RunsTable")
        [key] = [each["AttributeName"] for each in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                dynamodb.delete_item(TableName=table, Key={key: item[key]})


class Shell:
    """The reader's second terminal. What a block sets, later blocks see."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.output = folder / "output.txt"
        self.script = folder / "block.sh"
        self.typed = folder / "typed.txt"
        self.exit_code = folder / "exit-code.txt"

    def run(self, text: str, typed: str = "", exits: int = 0) -> str:
        """Run a block, with what the reader types. Return what it printed. The test fails if its last command fails.

        ``exits`` is the exit code of a command that ends with another one than 0.
        """
        assert self.process.stdin
        self.script.write_text(text)
        self.typed.write_text(typed)
        self.exit_code.write_text("")
        self.process.stdin.write(f". {self.script} < {self.typed} > {self.output} 2>&1; echo $? > {self.exit_code}\n")
        self.process.stdin.flush()
        try:
            until(lambda: self.exit_code.read_text() or self.process.poll() is not None)
        except AssertionError as error:
            error.add_note(f"{text}\n{self.output.read_text()}")
            raise
        printed, exit_code = self.output.read_text(), self.exit_code.read_text()
        assert exit_code == f"{exits}\n", f"{text}\n{printed}\n{exit_code}"
        return printed


@contextmanager
def running_shell(folder: Path, stack: LocalStack) -> Iterator[Shell]:
    """Run a shell in an empty folder, with the local AWS and a browser. It reads none of the user's files at its start.

    `make` runs in the project folder, as on the pages. `aichats` is installed, and speaks to the stack without a login.
    Its machine is in the time zone of the pages. No proxy is asked for this machine.
    """
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    (empty := folder / "empty").mkdir()
    command = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
        "AICHATS_URL": stack.dev.value("HTTP API"),
        "AICHATS_TOKEN": BEARER,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "TZ": ZONE.key,
    }
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-o", "pipefail"],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=empty,
        env=environment | emulator_of(stack.dev).environment() | command | {"BROWSER": CONSENT},
    ) as process:
        shell = Shell(process, folder)
        try:
            shell.run(f'make() {{ command make --no-print-directory -C {shlex.quote(str(ROOT))} "$@"; }}')
            yield shell
        finally:
            # A command that waits for ever must end, too. If the shell has ended, there is no group, or none to signal.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def perform(shell: Shell, stack: LocalStack, block: ShellBlock) -> None:
    """Run a block as a reader does, after what it assumes: once, or until it shows what the page says."""
    for assumed in block.given:
        is_page = assumed.endswith(".md") and " " not in assumed
        text = shell_blocks(DOCS / assumed)[0].text if is_page else assumed
        shell.run(stack.adapt(text))
    for fired in block.fired:
        stack.fire(*with_yesterday(stack.adapt(fired), datetime.now(ZONE)).split())
    text, pattern = stack.adapt(block.text), None if block.shows is None else stack.adapt(block.shows)

    printed = ""

    def is_shown() -> bool:
        nonlocal printed
        printed = shell.run(text, block.types, block.exits)
        found = pattern is None or re.search(pattern, printed, re.MULTILINE | re.DOTALL)
        assert found or block.waits, "it shows something else"
        return bool(found)

    try:
        until(is_shown)
    except AssertionError as error:
        error.add_note(f"{block.page}: {text}\nshould show {pattern}, and shows\n{printed}")
        raise
