"""Writes the fields of an automation as the content of a file. Comments and the order of an existing file stay."""

from __future__ import annotations

import io
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import LiteralScalarString

from aichats_cli.code.documents import READERS, Parts, message_field, split_markdown
from aichats_cli.code.files import read_text, unix_lines
from aichats_cli.code.folder import as_text
from aichats_cli.code.problems import DocumentError, FileError
from aichats_cli.code.yaml_values import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ORDER = ("description", "trigger", "targets", "missed", "overlap", "budget", "labels", "managed_by", "action")
"""The order of the fields in a new file."""
NEW_INDENT = (2, 4, 2)
"""The indents of a new file, as :func:`indent_of` returns them."""
MISSING = "\ud800"
"""A text that no file can have."""
WIDTH = 10_000
"""The maximum length of a line, so that no text is folded."""


def render(path: Path, fields: dict[str, Any]) -> str:
    """Return the content of a file with these fields, with the line ends that the file has.

    It is read again before it is returned. If an existing file can't keep its comments, for example because two of its
    fields are one through an alias, the whole content is new.

    Raises:
        FileError: the fields can't be written so that they are read as the same again.
    """
    suffix = path.suffix.lower()
    old = read_text(path) if path.exists() else None
    for candidate in _candidates(suffix, old, fields):
        try:
            text = candidate()
            if as_text(READERS[suffix](unix_lines(text)).value) == as_text(fields):
                return text.replace("\n", "\r\n") if old is not None and _has_windows_lines(path) else text
        except (DocumentError, YAMLError):
            continue
    raise FileError(path, "the automation can't be written to a file. Upgrade the command aichats")


def _candidates(suffix: str, old: str | None, fields: dict[str, Any]) -> list[Callable[[], str]]:
    """Return functions for contents, the best one first. A content that isn't read as the fields must not be used."""
    if suffix == ".json":
        return [partial(_json, old, fields)]
    if suffix == ".md":
        parts = None if old is None else split_markdown(old)
        changed = [partial(_changed_markdown, parts, fields, with_body=each) for each in (True, False) if parts]
        new = [partial(_new_markdown, fields, with_body=each) for each in (True, False)]
        return [*changed, *new, lambda: f"---\n{escaped_yaml(fields)}---\n"]
    changed_whole = [] if old is None else [partial(changed_yaml, old, fields)]
    return [*changed_whole, partial(new_yaml, fields), partial(escaped_yaml, fields)]


def _json(old: str | None, fields: dict[str, Any]) -> str:
    ordered = in_order(fields) if old is None else in_order_of(json.loads(old), fields)
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def _changed_markdown(parts: Parts, fields: dict[str, Any], *, with_body: bool) -> str:
    name = message_field(fields["action"]["type"])
    old = read_yaml(parts.front).value
    in_front = isinstance(action := old.get("action"), dict) and name in action
    message = fields["action"].get(name) if with_body and name and not in_front else None
    body = parts.body if message == parts.message else f"{parts.lead}{message}\n" if message else ""
    front = without_message(fields, name if message else None, states_type="type" in (old.get("action") or {}))
    return f"---\n{changed_yaml(parts.front, front)}---\n{body}"


def _new_markdown(fields: dict[str, Any], *, with_body: bool) -> str:
    name = message_field(fields["action"]["type"]) if with_body else None
    message = fields["action"].get(name) if name else None
    front = new_yaml(without_message(fields, name, states_type=False))
    return f"---\n{front}---\n" + (f"\n{message}\n" if message else "")


def without_message(fields: dict[str, Any], name: str | None, *, states_type: bool) -> dict[str, Any]:
    """Return the fields of the front matter, without the message, and without an action that has only defaults."""
    action = {key: value for key, value in fields["action"].items() if key != name}
    if action["type"] == "whop.create_chat" and not states_type:
        del action["type"]
    rest = {key: value for key, value in fields.items() if key != "action"}
    return rest | ({"action": action} if action else {})


def in_order(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields in the order of a new file."""
    return {name: fields[name] for name in ORDER if name in fields} | dict(fields)


def in_order_of(old: Any, new: Any) -> Any:
    """Return a new value with the order of the fields that the old value has."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [name for name in old if name in new] + [name for name in new if name not in old]
        return {name: in_order_of(old.get(name), new[name]) for name in names}
    return new


def new_yaml(fields: Mapping[str, Any]) -> str:
    """Return fields as YAML."""
    return _dumped(as_commented(in_order(fields)), NEW_INDENT)


def escaped_yaml(fields: Mapping[str, Any]) -> str:
    """Return fields as YAML in the form of JSON, for texts with characters that YAML doesn't keep otherwise."""
    lines = json.dumps(in_order(fields), indent=2, ensure_ascii=False).split("\n")
    return "".join(re.sub(r"[^\n -~]", lambda found: f"\\U{ord(found[0]):08x}", line) + "\n" for line in lines)


def changed_yaml(text: str, fields: Mapping[str, Any]) -> str:
    """Return YAML with new fields. The comments, the order and the form of everything that stays are kept."""
    yaml = YAML()
    yaml.preserve_quotes = True
    tree = yaml.load(text)
    if not isinstance(tree, CommentedMap):
        return new_yaml(fields)
    _merge(tree, read_yaml(text).value, fields)
    return _dumped(tree, indent_of(text))


def as_commented(value: Any) -> Any:
    """Return a value that is written with lines of their own for the lines of a text."""
    if isinstance(value, dict):
        return CommentedMap({key: as_commented(item) for key, item in value.items()})
    if isinstance(value, list):
        return CommentedSeq([as_commented(item) for item in value])
    # Other texts with line breaks are written in quotes, because a block of lines can't have control characters.
    has_lines = isinstance(value, str) and "\n" in value and value.replace("\n", "").isprintable()
    return LiteralScalarString(value) if has_lines else value


def _merge(tree: Any, old: Any, new: Any) -> None:
    """Change a tree, which has the old values, so that it has the new ones. Equal values are not touched."""
    if isinstance(tree, CommentedMap):
        for key in [key for key in tree if key not in new]:
            del tree[key]
        places = list(new)
    else:
        del tree[len(new) :]
        tree.extend([None] * (len(new) - len(tree)))
        places = list(range(len(new)))
    for place in places:
        before = value_at(old, place)
        if as_text(before) == as_text(new[place]):
            continue
        if isinstance(before, list | dict) and before and type(before) is type(new[place]):
            _merge(tree[place], before, new[place])
        else:
            tree[place] = as_commented(new[place])


def value_at(value: Any, place: str | int) -> Any:
    """Return the value in a mapping or a list; :data:`MISSING` if there is none."""
    try:
        return value[place]
    except (KeyError, IndexError):
        return MISSING


def indent_of(text: str) -> tuple[int, int, int]:
    """Return the indent of mappings, the indent of the values of lists, and the place of the hyphens in it."""
    mapping = re.search(r"^( *)[^\s#-][^#\n]*:[ \t]*\n\1( +)[^\s#-]", text, re.MULTILINE)
    sequence = re.search(r"^( *)[^\s#-][^#\n]*:[ \t]*\n\1( *)(-[ ]+)\S", text, re.MULTILINE)
    width = len(mapping[2]) if mapping else NEW_INDENT[0]
    if sequence is None:
        return width, *NEW_INDENT[1:]
    return width, len(sequence[2] + sequence[3]), len(sequence[2])


def _dumped(tree: Any, indent: tuple[int, int, int]) -> str:
    yaml = YAML()
    yaml.width, yaml.preserve_quotes, yaml.allow_unicode = WIDTH, True, True
    yaml.indent(*indent)
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


def _has_windows_lines(path: Path) -> bool:
    return b"\r\n" in path.read_bytes()
