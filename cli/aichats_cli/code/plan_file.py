"""A plan as JSON: the output of `aichats plan -o json`, and the file of `aichats plan --out FILE`. It has no token."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aichats_cli.code.files import read_text
from aichats_cli.code.plan import Change, Plan
from aichats_cli.code.problems import FileError
from aichats_cli.code.writing import write_text
from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
AGAIN = "make a new plan, and look at it"


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON has it."""
    return {"version": VERSION, **asdict(plan)}


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan to a file.

    Raises:
        CommandError: the file can't be written.
    """
    write_text(path, json.dumps(plan_data(plan), indent=2, ensure_ascii=False) + "\n")


def read_plan(path: Path) -> Plan:
    """Return the plan of a file.

    Raises:
        CommandError: the file isn't a plan, or a plan of another version of this command.
    """
    try:
        data = json.loads(read_text(path))
        version = data.pop("version")
        if version == VERSION:
            return Plan(**data | {"changes": [Change(**change) for change in data["changes"]]})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FileError(path, "is not a plan. Write one with aichats plan --out") from None
    raise CommandError(f"{path} is a plan of version {version}, but this command reads version {VERSION}")


def check_stack(pinned: Plan, url: str) -> None:
    """Raise an error if a plan is for another stack than that of this address.

    Raises:
        CommandError: it is.
    """
    if pinned.url != url:
        raise CommandError(f"the plan is for {pinned.url}, but the profile is for {url}", AGAIN)


def check_pinned(pinned: Plan, current: Plan) -> Plan:
    """Return the rest of a pinned plan that isn't done yet.

    Args:
        pinned: the plan that is applied.
        current: the plan as it would be made now. Its changes must all be in the pinned plan.

    Raises:
        CommandError: the folder or the stack was changed after it was made.
    """
    if (pinned.folder, pinned.managed_by) != (current.folder, current.managed_by):
        raise CommandError("the folder was changed after the plan was made", AGAIN)
    requests = {change.name: change.request for change in pinned.changes}
    changed = [change.name for change in current.changes if requests.get(change.name) != change.request]
    if changed:
        raise CommandError(f"the stack was changed after the plan was made: {', '.join(changed)}", AGAIN)
    return current
