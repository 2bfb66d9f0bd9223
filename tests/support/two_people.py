"""Two people who edit and apply folders of automations at once, on one stack, with kills between any two requests."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from aichats.api.app import create_api
from tests.support.automation_folder import MANAGED_BY, AutomationFolder, etags, markdown, stored
from tests.support.automations import automation
from tests.support.cli import Cli, Result, without_length
from tests.support.fakes import Json
from tests.support.lambda_calls import http_event, make_context, uncompressed
from tests.support.stack_in_memory import StackInMemory

SHOP = "github.com/example/shop"
ENDINGS = (".md", ".yaml", ".json", ".json", ".json")
"""JSON most often, because it is read fastest."""
OWN = [f"own-{number:02}" for number in range(50)]
OTHERS = {f"shop-{number}": SHOP for number in range(4)} | {f"none-{number}": None for number in range(4)}
"""Automations that the folders of the two people don't manage, and who manages them."""


class KilledError(BaseException):
    """The end of a process between two of its requests."""


@dataclass
class WatchedCli(Cli):
    """A command that checks each of its changes: it only overwrites versions that it has read.

    Attributes:
        disturb: called before and after each request. It may raise an error.
        known: the versions that the command has read; ``None`` for an automation that doesn't exist.
        pinned: the versions of a pinned plan, which are all that it may overwrite.
    """

    disturb: Callable[[httpx.Request], None] = lambda _: None
    known: dict[str, str | None] = field(default_factory=dict)
    pinned: dict[str, str | None] | None = None
    changes: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, and compare the version that it replaces with the one that the command has read."""
        with self.one_at_a_time:
            self.disturb(request)
            name = request.url.path.rpartition("/")[2]
            before = self._version(name)
            response = self._respond(request)
            after = self._version(name)
            if before != after:
                self.changes += 1
                assert b"dry_run" not in request.url.query
                assert before == (self.known if self.pinned is None else self.pinned)[name], f"lost an update of {name}"
            self._note(name, request, response, after)
            self.disturb(request)
            return response

    def _version(self, name: str) -> str | None:
        row = self.stack.app.automation_table.get(name)
        return row.etag if row else None

    def _respond(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, without the comparison with the OpenAPI document, which takes most of the time."""
        event = http_event(
            request.method,
            request.url.path,
            request.content.decode() or None,
            query=request.url.query.decode(),
            headers=without_length(request.headers),
        )
        reply = create_api(self.stack.app).resolve(event, make_context())
        headers, body = uncompressed(reply)
        return httpx.Response(reply["statusCode"], headers=headers, content=body)

    def _note(self, name: str, request: httpx.Request, response: httpx.Response, after: str | None) -> None:
        """Note the versions that the command reads or writes."""
        if request.url.path == "/automations":
            page = {each["name"]: each["etag"] for each in response.json()["data"]}
            self.known = dict.fromkeys(OWN) | page
        elif request.method == "GET" or response.is_success:
            self.known[name] = after


@dataclass
class Person:
    """A person with a clone of the repository."""

    cli: WatchedCli
    folder: AutomationFolder
    chance: random.Random

    def pull(self, other: Person) -> None:
        """Replace the files with those of the other person."""
        shutil.rmtree(self.folder.path)
        shutil.copytree(other.folder.path, self.folder.path)

    def edit(self) -> None:
        """Change, create or delete some files."""
        for _ in range(self.chance.randint(1, 4)):
            name = self.chance.choice(OWN)
            kinds = [file.suffix for file in self.folder.path.glob(f"{name}.*")]
            if kinds and self.chance.random() < 0.25:
                self.folder.delete(name)
            else:
                write(
                    self.folder, name, kinds[0] if kinds else self.chance.choice([".md", ".yaml", ".json"]), self.chance
                )

    def edit_on_stack(self, name: str | None = None) -> None:
        """Change, create or delete an automation with the API: a random one, unless it is given."""
        name = name or self.chance.choice(OWN)
        service = self.cli.stack.app.automations
        if self.chance.random() < 0.3:
            service.delete(name, by="other")
        else:
            service.put(name, automation(definition(self.chance) | {"managed_by": MANAGED_BY}), by="other")

    def run(self, command: str, *options: str) -> Result | None:
        """Return the result of a command on the folder; ``None`` if it was killed."""
        self.cli.known.clear()
        try:
            return self.cli(command, str(self.folder), *options)
        except KilledError:
            return None

    def settle(self) -> None:
        """Apply without a disturbance, and check that the second plan is empty."""
        self.cli.disturb = lambda _: None
        assert (applied := self.run("apply", "--prune", "--yes")) is not None
        assert applied.code == 0, applied.err
        assert (planned := self.run("plan", "--prune")) is not None
        assert (planned.code, planned.err) == (0, ""), planned.out
        expected = dict.fromkeys(self.folder.names, self.folder.managed_by) | OTHERS
        assert {name: fields.get("managed_by") for name, fields in stored(self.cli).items()} == expected


@dataclass
class Office:
    """The stack, Ann and Ben."""

    path: Path
    seed: int

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.stack = StackInMemory()
        self.ann, self.ben = (
            Person(WatchedCli(self.stack), AutomationFolder(self.path / name), self.chance) for name in ("ann", "ben")
        )
        for name, managed_by in OTHERS.items():
            self.stack.put(definition(self.chance) | {"managed_by": managed_by}, name)
        self.untouched = self._others()
        self.kills = self.stops = self.applied = 0
        for name in OWN:
            write(self.ann.folder, name, self.chance.choice(ENDINGS), self.chance)
        self.ben.pull(self.ann)
        self.ann.settle()

    def step(self) -> None:
        """Let one person edit and apply while the other one works too. At the end, nothing of others has changed."""
        one, two = self.chance.sample([self.ann, self.ben], 2)
        if self.chance.random() < 0.8:
            one.pull(two)
        self.chance.choice([one.edit, one.edit, one.edit_on_stack])()
        act = self.chance.choice([self._apply, self._apply, self._apply_pinned, self._export, self._collide])
        act(one, two)
        one.cli.disturb = two.cli.disturb = lambda _: None
        one.cli.pinned = two.cli.pinned = None
        one.settle()
        assert self._others() == self.untouched

    def _apply(self, one: Person, two: Person) -> None:
        one.cli.disturb = self._disturbance(two)
        self._count(one.run("apply", "--yes", *self._maybe("--prune")))

    def _apply_pinned(self, one: Person, two: Person) -> None:
        """Apply a plan of earlier. Between the plan and its application, the other person works."""
        file = self.path / "plan.json"
        planned = one.run("plan", "--out", str(file), *self._maybe("--prune"))
        assert planned is not None
        if planned.code != 3:
            return
        one.cli.pinned = {each["name"]: each["etag"] for each in json.loads(file.read_text())["changes"]}
        if self.chance.random() < 0.4:
            self.chance.choice([one.edit, two.edit_on_stack, two.settle])()
        one.cli.disturb = self._disturbance(two)
        self._count(one.run("apply", "--yes", "--plan", str(file)))

    def _export(self, one: Person, two: Person) -> None:
        """Write the stack back to the files. Then the plan is empty."""
        two.edit_on_stack()
        one.cli.disturb = self._killer()
        one.run("export", "--prune", "--yes")
        one.cli.disturb = lambda _: None
        exported, planned = one.run("export", "--prune", "--yes"), one.run("plan", "--prune")
        assert exported is not None
        assert planned is not None
        assert (exported.code, planned.code) == (0, 0), (exported, planned)

    def _collide(self, one: Person, _: Person) -> None:
        """Write a file for an automation of others. The plan rejects it, and nothing is changed."""
        name = self.chance.choice(list(OTHERS))
        write(one.folder, name, ".md", self.chance)
        before = etags(one.cli)
        applied = one.run("apply", "--prune", "--yes")
        assert applied is not None
        assert (applied.code, etags(one.cli)) == (1, before)
        assert f"add --adopt {name}" in applied.err
        one.folder.delete(name)

    def _disturbance(self, other: Person) -> Callable[[httpx.Request], None]:
        """Return a function that kills the command, loses a response or lets the other person work, or does nothing.

        The other person often changes the automation that is about to be changed.
        """
        kill, left = self._killer(), self.chance.randint(0, 30)

        def disturb(request: httpx.Request) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                other.settle()
            if request.method != "GET" and not request.url.query and self.chance.random() < 0.2:
                other.edit_on_stack(request.url.path.rpartition("/")[2])
            kill(request)

        return disturb

    def _killer(self) -> Callable[[httpx.Request], None]:
        """Return a function that ends the command, or its connection, at a random time, or never."""
        left = self.chance.randint(1, 16)
        error = self.chance.choice([KilledError, KilledError, httpx.ReadError, None])

        def kill(_: httpx.Request) -> None:
            nonlocal left
            left -= 1
            if left == 0 and error is not None:
                self.kills += 1
                raise error("cut")

        return kill

    def _count(self, result: Result | None) -> None:
        self.applied += result is not None and result.code == 0
        self.stops += result is not None and result.code == 1

    def _maybe(self, option: str) -> list[str]:
        return [option] if self.chance.random() < 0.5 else []

    def _others(self) -> dict[str, tuple[str, Json]]:
        versions, fields = etags(self.ann.cli), stored(self.ann.cli)
        return {name: (versions[name], fields[name]) for name in OTHERS}


def definition(chance: random.Random) -> Json:
    """Return a random automation."""
    fields: Json = {
        "trigger": {"type": "schedule", "expression": chance.choice(["rate(1 hour)", "cron(0 9 * * ? *)"])},
        "action": {"type": "whop.create_chat", "message_text": text(chance)},
        "targets": chance.sample(["biz_A", "biz_B", "biz_C"], chance.randint(1, 3)),
    }
    more = {"description": text(chance), "labels": {"on": "no", "n": str(chance.randint(1, 9))}, "missed": "run"}
    return fields | {name: value for name, value in more.items() if chance.random() < 0.5}


def text(chance: random.Random) -> str:
    """Return a random text, also with lines and characters that mean something in YAML."""
    words = ["# a", "- b", "no", "{{ slot.date }}", "x: y", "---", "é", '"q"', "  z", "1e3"]
    return chance.choice(["\n", " "]).join(["Hi", *chance.choices(words, k=chance.randint(0, 5)), "there"])


def write(folder: AutomationFolder, name: str, ending: str, chance: random.Random) -> None:
    """Write a random automation to a file."""
    fields = definition(chance)
    if ending == ".md":
        message = fields.pop("action")["message_text"]
        folder.write(f"{name}.md", markdown(message, **fields))
    else:
        folder.write(f"{name}{ending}", json.dumps(fields))
