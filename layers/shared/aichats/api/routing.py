"""The operation that a request calls, found in the index, without the code of any other operation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from aichats.api.routes.index import INDEX
from aichats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from aichats.api.operation import Operation

_ROUTES = "aichats.api.routes"


class IndexedOperation:
    """An operation as the index describes it. Its module is imported at the first :meth:`load`."""

    __slots__ = ("answers", "limited", "method", "module", "name", "path", "scopes")

    def __init__(self, method: str, path: str, entry: tuple[str, str, tuple[str, ...], bool, bool]) -> None:
        self.method, self.path = method, path
        self.module, self.name, self.scopes, self.limited, self.answers = entry

    def load(self) -> Operation[Any, Any]:
        """Return the operation. The first call imports its module."""
        operation: Operation[Any, Any] = getattr(import_module(f"{_ROUTES}.{self.module}"), self.name)
        return operation


def indexed_operations() -> Iterator[IndexedOperation]:
    """Yield all operations, in the order of the OpenAPI document."""
    for path, methods in INDEX.items():
        for method, entry in methods.items():
            yield IndexedOperation(method, path, entry)


def operation_at(method: str, path: str) -> IndexedOperation | None:
    """Return the operation of a method and a path; ``None`` if there is none."""
    fixed = INDEX.get(path, {})
    return IndexedOperation(method, path, fixed[method]) if method in fixed else operations_at(path).get(method)


def operations_at(path: str) -> Mapping[str, IndexedOperation]:
    """Return the operations of a path, by method.

    At a fixed path, such as ``/chats/notification-preference``, an operation with a path parameter counts only if the
    path has a valid value for the parameter.
    """
    fixed = {method: IndexedOperation(method, path, entry) for method, entry in INDEX.get(path, {}).items()}
    others = [
        operation
        for operation in indexed_operations()
        if operation.path != path and match_path(operation.path, path) is not None
    ]
    if fixed:
        others = [operation for operation in others if _accepts(operation, path)]
    return {operation.method: operation for operation in others} | fixed


def match_path(template: str, path: str) -> Mapping[str, str] | None:
    """Return the unchecked parameters in a path; ``None`` if it does not match the template.

    API Gateway decodes the path. A part with ``..`` counts as one parameter, so that the error names the parameter.
    """
    if ".." in path:
        return _match_climbing(template, path)
    names, parts = template.split("/"), path.split("/")
    if len(names) != len(parts):
        return None
    values = {}
    for name, part in zip(names, parts, strict=True):
        if name.startswith("{") and part:
            values[name[1:-1]] = part
        elif name != part:
            return None
    return values


def _match_climbing(template: str, path: str) -> Mapping[str, str] | None:
    import re

    form = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+|.*\.\..*)", template)
    match = re.fullmatch(form, path, re.DOTALL)
    return match.groupdict() if match else None


def _accepts(operation: IndexedOperation, path: str) -> bool:
    from aichats.api.requests import read_path

    try:
        read_path(operation.load(), path)
    except InputError:
        return False
    return True
