"""Reads YAML as the values of JSON, with the line of each field.

The scalars are those of YAML 1.2: ``no``, ``on`` and ``08:30`` are texts, and so are times, because the API takes times
as texts. A document can only have what JSON has too: no tags, no keys but texts, no key twice. Aliases are followed as
long as the document stays small.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node, ScalarNode

from aichats_cli.code.problems import DocumentError, FieldPath

MAX_VALUES = 20_000
"""The maximum number of values after all aliases are followed."""
MAX_DEPTH = 50
TAG = "tag:yaml.org,2002:"
NULL = re.compile(r"~|null|Null|NULL|")
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
WHOLE = re.compile(r"[-+]?[0-9]{1,1000}")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "merge"})
IN_QUOTES = "put the text into quotes"


@dataclass(frozen=True)
class Document:
    """The value of a document, and the line of each field in it."""

    value: Any
    lines: dict[FieldPath, int] = field(default_factory=dict)


def read_yaml(text: str) -> Document:
    """Return the value of a YAML document. An empty one is ``None``.

    Raises:
        DocumentError: the text isn't YAML, or has something that JSON doesn't have.
    """
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        reader = _Reader({})
        return Document(None if node is None else reader.value(node, ()), reader.lines)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = f". If the value is meant as text, {IN_QUOTES}"
        raise DocumentError(
            f"not valid YAML: {error.problem or error.context}{hint}", line=mark and mark.line + 1
        ) from None
    except YAMLError as error:
        raise DocumentError(f"not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise DocumentError(f"is nested more than {MAX_DEPTH} levels deep") from None


@dataclass
class _Reader:
    """Reads the nodes of one document."""

    lines: dict[FieldPath, int]
    count: int = 0

    def value(self, node: Node, path: FieldPath) -> Any:
        line = self.lines.setdefault(path, node.start_mark.line + 1)
        self.count += 1
        if self.count > MAX_VALUES or len(path) > MAX_DEPTH:
            limit = f"at most {MAX_VALUES} values and {MAX_DEPTH} levels, after all aliases are followed"
            raise DocumentError(f"is too large: {limit}", path, line)
        kind = str(node.tag).removeprefix(TAG)
        if kind in SCALARS and isinstance(node, ScalarNode):
            return self._scalar(node, kind, path)
        if kind == "seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if kind == "map":
            return self._mapping(node, path)
        raise DocumentError(f"the tag {node.tag} isn't supported. Remove it, or {IN_QUOTES}", path, line)

    def _mapping(self, node: Node, path: FieldPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line, key = key_node.start_mark.line + 1, key_node.value
            if not isinstance(key, str):
                problem = "{{ … }} at the beginning of a value needs quotes" if path else "a name must be a text"
                raise DocumentError(f'{problem}, such as title: "{{{{ slot.date }}}}"', path, line)
            if key in found:
                raise DocumentError("is there twice. Remove one of them", (*path, key), line)
            self.lines[*path, key] = line
            found[key] = self.value(value_node, (*path, key))
        return found

    def _scalar(self, node: ScalarNode, kind: str, path: FieldPath) -> Any:
        text: str = node.value
        if node.style or kind in {"str", "timestamp", "merge"}:
            return text
        if NULL.fullmatch(text):
            return None
        if text in TRUTH:
            return TRUTH[text]
        if WHOLE.fullmatch(text):
            return int(text)
        if NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        if kind == "float":
            problem = f"{text} is not a number that JSON has. If it is a text, {IN_QUOTES}"
            raise DocumentError(problem, path, node.start_mark.line + 1)
        return text
