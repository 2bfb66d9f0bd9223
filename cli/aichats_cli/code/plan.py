"""The plan: how the automations of a stack differ from the files of a folder, and the requests that change them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from aichats_cli.api import Api, ApiError
from aichats_cli.code.folder import Folder, as_text
from aichats_cli.code.form import FORMS
from aichats_cli.code.remote import WrittenAutomation, get_automation, list_written, put_automation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aichats_cli.code.files import AutomationFile
    from aichats_cli.models import AutomationView, StoredAutomation

type Action = Literal["create", "change", "delete"]

THREADS = 8
SHOWN_TIMES = 3
"""The number of next times that a plan shows."""


@dataclass(frozen=True)
class Change:
    """One request of a plan, and what it changes.

    Attributes:
        etag: the version that is changed or deleted; ``None`` for a new automation.
        new_etag: the version after the change; ``None`` for a deletion.
        body: the body of the PUT.
        before: the definition with all defaults; ``None`` for a new automation.
        after: the same after the change; ``None`` for a deletion.
        next_before: the next times in UTC.
        next_after: the same after the change.
    """

    name: str
    action: Action
    etag: str | None
    new_etag: str | None = None
    body: dict[str, Any] | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    next_before: list[str] = field(default_factory=list)
    next_after: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def request(self) -> tuple[object, ...]:
        """The parts that decide what the request does."""
        return self.name, self.action, self.etag, self.body


@dataclass(frozen=True)
class Plan:
    """The changes that make a stack equal to a folder.

    Attributes:
        url: the API of the stack.
        folder: the hash of the folder's automations.
        prune: the plan deletes automations that have no file.
        adopt: the patterns of names that the folder takes over.
        past: automations that fire once, at a time that has passed, and are no longer on the stack.
        problems: the errors that must be corrected before the plan can be applied.
    """

    url: str
    managed_by: str
    folder: str
    prune: bool
    adopt: list[str]
    changes: list[Change]
    past: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, action: Action) -> int:
        """Return the number of changes of a kind."""
        return sum(change.action == action for change in self.changes)


@dataclass(frozen=True)
class Planner:
    """Compares a folder with a stack.

    Attributes:
        adopt: patterns of the names of automations that the folder may take over from others.
        prune: delete the automations that the folder manages, but has no file for.
    """

    api: Api
    folder: Folder
    now: datetime
    adopt: Sequence[str] = ()
    prune: bool = False

    def plan(self) -> Plan:
        """Return the plan. It changes nothing."""
        stored = list_written(self.api)
        past = [name for name, file in self.folder.files.items() if name not in stored and self._has_passed(file)]
        wanted = [name for name in self.folder.files if name not in past and not self._is_equal(name, stored)]
        tasks: list[Callable[[], Change | str | None]] = [self._task(self._put, name) for name in wanted]
        if self.prune:
            tasks += [self._task(self._delete, name) for name in stored if self._is_surplus(stored[name])]
        results = list(in_parallel(tasks))
        return Plan(
            self.api.profile.url,
            self.folder.managed_by,
            self.folder.digest,
            self.prune,
            list(self.adopt),
            sorted((each for each in results if isinstance(each, Change)), key=lambda each: each.name),
            past,
            [each for each in results if isinstance(each, str)],
        )

    def _task(self, plan: Callable[[str], Change | str | None], name: str) -> Callable[[], Change | str | None]:
        return lambda: plan(name)

    def _is_equal(self, name: str, stored: Mapping[str, WrittenAutomation]) -> bool:
        return name in stored and as_text(stored[name].fields) == as_text(self.folder.body(name))

    def _is_surplus(self, stored: WrittenAutomation) -> bool:
        return stored.managed_by == self.folder.managed_by and stored.name not in self.folder.files

    def _has_passed(self, file: AutomationFile) -> bool:
        """Return whether a trigger fires once, at a time in the past. aichats removes such automations by then."""
        trigger = file.fields["trigger"]
        found = re.fullmatch(r"at\((.+)\)", str(trigger.get("expression")))
        try:
            zone = ZoneInfo(str(trigger.get("timezone", "UTC")))
            return found is not None and datetime.fromisoformat(found[1]).replace(tzinfo=zone) < self.now
        except (ValueError, OSError):
            return False  # The API reports what is wrong.

    def _put(self, name: str) -> Change | str | None:
        """Return the change of an automation that differs from its file, a problem, or ``None`` if it has no effect."""
        file, body = self.folder.files[name], self.folder.body(name)
        try:
            current = get_automation(self.api, name)
            if problem := self._foreign(file, current):
                return problem
            etag = current["etag"] if current else None
            after = put_automation(self.api, name, body, etag, dry_run=True)
        except ApiError as error:
            return problem_of(file, error)
        if after["etag"] == etag:
            return None
        return Change(
            name,
            "change" if current else "create",
            etag,
            after["etag"],
            body,
            definition(current) if current else None,
            definition(after),
            next_times(current) if current else [],
            next_times(after),
            after["warnings"],
        )

    def _delete(self, name: str) -> Change | None:
        current = get_automation(self.api, name)
        if current is None or current.get("managed_by") != self.folder.managed_by:
            return None
        before = definition(current)
        return Change(name, "delete", current["etag"], before=before, next_before=next_times(current))

    def _foreign(self, file: AutomationFile, current: AutomationView | None) -> str | None:
        """Return why the folder may not write an automation: it belongs to others, or its file says so."""
        if any(fnmatchcase(file.name, pattern) for pattern in self.adopt):
            return None
        take = f"add --adopt {file.name}"
        stated = file.fields.get("managed_by", self.folder.managed_by)
        if stated != self.folder.managed_by:
            is_different = "differs from the stack" if current else "is not on the stack"
            problem = f"is managed by {in_words(stated)}, and {is_different}. Change it there. "
            return file.error(f"{problem}To manage it here, remove this line and {take}", ("managed_by",)).message
        if current is None or current.get("managed_by") == self.folder.managed_by:
            return None
        owner = in_words(current.get("managed_by"))
        return file.error(f"an automation with this name is managed by {owner}. To take it over, {take}").message


def in_words(managed_by: str | None) -> str:
    """Return who manages an automation, for people."""
    return "no folder" if managed_by is None else managed_by


def problem_of(file: AutomationFile, error: ApiError) -> str:
    """Return an error of the API as an error of the file: the file, the line and the field for each.

    Raises:
        ApiError: it isn't about this automation, such as an invalid token.
    """
    fields = error.problem.get("errors") or []
    if fields:
        places = [(each["message"], each["field"]) for each in fields]
        return "\n".join(file.error(message, path_of(field)).message for message, field in places)
    if error.status == HTTPStatus.PRECONDITION_FAILED:
        return file.error("the automation was changed while the plan was made. Type the command again").message
    if error.status == HTTPStatus.CONFLICT or error.kind == "automation-unreadable":
        return file.error(error.message).message
    raise error


def path_of(field_name: str) -> tuple[str | int, ...]:
    """Return the place of a field. An index of a list is a number."""
    return tuple(int(part) if part.isdecimal() else part for part in field_name.split("."))


def definition(view: AutomationView | StoredAutomation) -> dict[str, Any]:
    """Return the fields of an automation that a file can have, with all defaults."""
    return {name: value for name, value in view.items() if name in FORMS}


def next_times(view: AutomationView | StoredAutomation) -> list[str]:
    """Return the next times in UTC."""
    return [time["utc"] for time in view["next"][:SHOWN_TIMES]]


def in_parallel[T](tasks: Iterable[Callable[[], T]]) -> list[T]:
    """Return the results of tasks, of which a few run at a time. The first error ends those that haven't begun."""
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
