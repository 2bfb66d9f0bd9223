"""Reads the three forms of files: Markdown with front matter, YAML and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aichats_cli.code.problems import DocumentError
from aichats_cli.code.yaml_values import Document, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

FENCE = re.compile(r"---[ \t]*\n(?P<front>(?:.*\n)*?)---[ \t]*(?:\n|\Z)(?P<body>(?s:.*))")
"""A Markdown file: front matter between two lines of three hyphens, then the body."""


@dataclass(frozen=True)
class Parts:
    """The two parts of a Markdown file, with all their line breaks."""

    front: str
    body: str

    @property
    def lead(self) -> str:
        """The empty lines at the beginning of the body."""
        found = re.match(r"(?:[ \t]*\n)*", self.body)
        return found[0] if found else ""

    @property
    def message(self) -> str:
        """The body without the empty lines at its beginning and the white space at its end."""
        return self.body[len(self.lead) :].rstrip()

    @property
    def message_line(self) -> int:
        """The line of the file on which the message begins."""
        return (self.front + self.lead).count("\n") + 3


def split_markdown(text: str) -> Parts:
    """Return the front matter and the body of a Markdown file.

    Raises:
        DocumentError: the text has no front matter.
    """
    found = FENCE.match(text)
    if found is None:
        problem = "must begin with front matter: a line ---, the fields of the automation as YAML, and a line ---"
        raise DocumentError(problem, line=1)
    return Parts(found["front"], found["body"])


def read_markdown(text: str) -> Document:
    """Return the fields of the front matter, in which the body is the message of the action.

    Without a type, the action is ``whop.create_chat``.

    Raises:
        DocumentError: the front matter isn't valid, or there are two messages.
    """
    parts = split_markdown(text)
    try:
        document = read_yaml(f"\n{parts.front}")  # The lines are counted from the beginning of the file.
    except DocumentError as error:
        # An error at the end of the front matter is on its last line, not on the one after it.
        last = parts.front.count("\n") + 1
        raise DocumentError(error.problem, error.path, error.line and min(error.line, last)) from None
    lines = {("action", name): parts.message_line for name in ("message_text", "content")} | document.lines
    return Document(with_message(document.value, parts.message), lines)


def with_message(fields: Any, message: str) -> Any:
    """Return the fields of an automation with a message, and with the type that the action has without one."""
    if not isinstance(fields, dict) or not isinstance(action := fields.get("action", {}), dict):
        return fields  # The check of the form says what is wrong.
    action = {"type": "whop.create_chat", **action}
    name = message_field(action["type"])
    if message:
        if name is None:
            raise DocumentError(f"{action['type']} has no message. Remove the text below the front matter", ("action",))
        if name in action:
            raise DocumentError("is the text below the front matter. Remove one of them", ("action", name))
        action[name] = message
    return fields | {"action": action}


def message_field(kind: object) -> str | None:
    """Return the field of an action that is its message; ``None`` if the action has none."""
    if kind == "whop.update_chat":
        return None
    return "content" if kind == "kodey.send_message" else "message_text"


def read_json(text: str) -> Document:
    """Return the value of a JSON file.

    Raises:
        DocumentError: the text isn't JSON, or has a field twice.
    """
    try:
        return Document(json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_reject_constant))
    except json.JSONDecodeError as error:
        raise DocumentError(f"not valid JSON: {error.msg}", line=error.lineno) from None
    except (RecursionError, ValueError):
        raise DocumentError("is nested too deep, or has a number that is too long") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DocumentError("is there twice. Remove one of them", (key,))
        found[key] = value
    return found


def _reject_constant(text: str) -> None:
    raise DocumentError(f"{text} is not a number that JSON has")


READERS: dict[str, Callable[[str], Document]] = {
    ".md": read_markdown,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".json": read_json,
}
"""The form of a file by the ending of its name."""
