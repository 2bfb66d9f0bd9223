"""The parts of a value that JMESPath expressions use.

An expression is evaluated in the same way if its input has only these parts. So aichats can keep a part of an event
instead of the whole event.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aichats.templates.syntax import TemplateError, parse_jmespath, split_text

type Path = tuple[str, ...]
"""The names of the fields that lead to a part of a value. The empty path is the whole value."""

_CHAINS = {"subexpression", "index_expression", "pipe"}
_PROJECTIONS = {"projection", "value_projection", "filter_projection"}


def used_paths(expression: str) -> set[Path]:
    """Return the paths that an expression uses: for each use of a field, the names up to the first other operation.

    An expression that can't be parsed uses nothing.
    """
    try:
        tree = parse_jmespath(expression)
    except TemplateError:
        return set()
    used = set[Path]()
    _use(_follow(tree, (), used), used)
    return used


def used_paths_of_text(text: str) -> set[Path]:
    """Return the paths that the expressions of a text use."""
    try:
        expressions = [expression for _, expression in split_text(text) if expression is not None]
    except TemplateError:
        return set()
    return set[Path]().union(*map(used_paths, expressions))


def pruned(value: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Return the parts of a value at paths, under their names. A path that the value does not have is left out."""
    within: dict[str, list[Path]] = {}
    for path in paths:
        if not path:
            return dict(value)
        within.setdefault(path[0], []).append(path[1:])
    parts: dict[str, Any] = {}
    for name, part in value.items():
        if () in (rest := within.get(name, [])):
            parts[name] = part
        elif rest and isinstance(part, Mapping):
            parts[name] = pruned(part, rest)
    return parts


def is_covered(path: Path, by: Iterable[Path]) -> bool:
    """Return whether one of several paths leads to the part at a path, or to a larger part that contains it."""
    return any(path[: len(other)] == other for other in by)


def _follow(node: Any, current: Path | None, used: set[Path]) -> Path | None:
    """Add the paths that a node of the syntax tree uses.

    Args:
        node: the node.
        current: the path of the value that the node is applied to; ``None`` if that value is in use already.
        used: the paths so far.

    Returns:
        The path of the node's value if the value is a part of the input that is not in use yet; otherwise ``None``.
    """
    kind, children = node["type"], node["children"]
    if kind == "field":
        return None if current is None else (*current, node["value"])
    if kind in {"current", "identity"}:
        return current
    if kind in _CHAINS:
        for child in children:
            current = _follow(child, current, used)
        return current
    if kind in {"index", "slice"}:
        _use(current, used)
        return None
    for child, start in _starts(node, current):
        _use(_follow(child, start, used), used)
    return None


def _starts(node: Any, current: Path | None) -> Iterator[tuple[Any, Path | None]]:
    """Yield each child of a node with the path of the value that the child is applied to.

    The elements of a projection, and the argument of ``&``, are parts of a value that is in use already.
    """
    for position, child in enumerate(node["children"]):
        of_elements = node["type"] == "expref" or (node["type"] in _PROJECTIONS and position > 0)
        yield child, None if of_elements else current


def _use(path: Path | None, used: set[Path]) -> None:
    if path is not None:
        used.add(path)
