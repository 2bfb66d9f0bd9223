"""Shows a plan to people: each automation property by property, in the colors of a diff."""

from __future__ import annotations

import difflib
import json
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from aichats_cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aichats_cli.code.plan import Action, Change, Plan
    from aichats_cli.output import Output

SIGNS: dict[Action, tuple[str, str]] = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}
"""The sign of each change, and its color."""
ABSENT = "\ud800"
"""Instead of a property that isn't there. No automation can have this text."""
LONGEST_VALUE = 60
"""Longer texts are shown as a diff of their lines."""
NARROWEST_TEXT = 20
CONTEXT_LINES = 2
NO_CHANGES = "no changes: the stack is equal to the folder"


def plan_lines(plan: Plan, output: Output, when: Callable[[str], str]) -> Iterator[str]:
    """Yield the lines that show a plan.

    Args:
        plan: the plan.
        output: paints the lines.
        when: returns a time of the API as people read it.
    """
    for change in plan.changes:
        yield from Shown(change, output, when).lines()
        yield ""
    for name in plan.past:
        yield output.paint(f"! {name}: its time has passed, so it is not created. Delete its file", "yellow")
    if plan.changes:
        yield output.paint(summary(plan), "bold")
    elif not plan.problems:
        yield NO_CHANGES


def summary(plan: Plan) -> str:
    """Return the number of changes in words."""
    return ", ".join(f"{plan.count(action)} to {action}" for action in SIGNS)


class Shown:
    """The lines that show one change."""

    def __init__(self, change: Change, output: Output, when: Callable[[str], str]) -> None:
        self._change, self._paint, self._when = change, output.paint, when
        self._width = output.width if output.is_terminal else None

    def lines(self) -> Iterator[str]:
        """Yield the name, the changed properties, the next times and the warnings."""
        sign, color = SIGNS[self._change.action]
        yield self._paint(f"{sign} {self._change.name}", color)
        if self._change.action == "delete":
            yield "    managed by this folder, which has no file for it"
        before, after = self._properties()
        for name in sorted(before.keys() | after.keys(), key=list(before | after).index):
            old, new = before.get(name, ABSENT), after.get(name, ABSENT)
            if as_json(old) != as_json(new):
                yield from self._property(name, old, new)
        yield from self._times()
        for warning in self._change.warnings:
            yield from self._wrapped("    ! ", printable(warning), "yellow")

    def _properties(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the properties before and after. A new automation has only those of its file."""
        change = self._change
        if change.action == "create":
            return {}, flat(change.body)
        if change.action == "delete":
            return {}, {}
        return flat(change.before), flat(change.after)

    def _property(self, name: str, old: Any, new: Any) -> Iterator[str]:
        if isinstance(old, list) or isinstance(new, list):
            yield f"    {name}"
            yield from self._diff(items_of(old), items_of(new), context=0)
        elif is_long(old) or is_long(new):
            yield f"    {name}"
            yield from self._diff(lines_of(old), lines_of(new), context=CONTEXT_LINES)
        else:
            values = [] if old == ABSENT else [self._paint(value_text(old), "red")]
            values.append(self._paint("(removed)", "red") if new == ABSENT else self._paint(value_text(new), "green"))
            yield f"    {name}: {' → '.join(values)}"

    def _diff(self, old: list[str], new: list[str], context: int) -> Iterator[str]:
        for line in list(difflib.unified_diff(old, new, n=context, lineterm=""))[2:]:
            if line.startswith("@@"):
                continue
            color = {"+": "green", "-": "red"}.get(line[0], "dim")
            yield from self._wrapped(f"      {line[0]} ", printable(line[1:]), color)

    def _wrapped(self, prefix: str, text: str, color: str) -> Iterator[str]:
        """Yield a text after a prefix. On a terminal, the lines of a long text are below each other."""
        space = len(text) if self._width is None else max(self._width - len(prefix), NARROWEST_TEXT)
        for number, part in enumerate(wrap(text, max(space, 1), replace_whitespace=False, expand_tabs=False) or [""]):
            yield self._paint(f"{' ' * len(prefix) if number else prefix}{part}".rstrip(), color)

    def _times(self) -> Iterator[str]:
        """Yield the next times, unless the automation only listens for events."""
        if not any(
            fields and fields["trigger"]["type"] == "schedule" for fields in (self._change.before, self._change.after)
        ):
            return
        before, after = (self._in_words(times) for times in (self._change.next_before, self._change.next_after))
        if self._change.action == "delete":
            yield f"    next: {before}"
        elif before == after or self._change.action == "create":
            yield f"    next: {after}"
        else:
            yield f"    next before: {self._paint(before, 'red')}"
            yield f"    next after:  {self._paint(after, 'green')}"

    def _in_words(self, times: list[str]) -> str:
        return ", ".join(map(self._when, times)) or "no times"


def flat(fields: dict[str, Any] | None, prefix: str = "") -> dict[str, Any]:
    """Return the properties of an automation by their names, such as ``trigger.expression``.

    Null is the same as no value, except in an action, where it clears a field.
    """
    found: dict[str, Any] = {}
    for key, value in (fields or {}).items():
        name, in_action = f"{prefix}{key}", prefix.startswith("action.")
        if isinstance(value, dict) and (value or not in_action):
            found |= flat(value, f"{name}.")
        elif value is not None or in_action:
            found[name] = value
    return found


def is_long(value: object) -> bool:
    """Return whether a value is a text that needs lines of its own."""
    return isinstance(value, str) and (len(value) > LONGEST_VALUE or "\n" in value)


def lines_of(value: object) -> list[str]:
    """Return the lines of a text: none if there is no text."""
    return [] if value == ABSENT else value_text(value).split("\n")


def items_of(value: object) -> list[str]:
    """Return the items of a list as lines: none if there is no list."""
    return [as_json(item) if not isinstance(item, str) else item for item in value] if isinstance(value, list) else []


def value_text(value: object) -> str:
    """Return a value as a file has it: a text as it is, everything else as JSON."""
    return printable(value) if isinstance(value, str) else as_json(value)


def as_json(value: object) -> str:
    """Return a value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False)
