"""All operations of the HTTP API, with their code. Only what is made from them imports this module, no function."""

from importlib import import_module
from typing import Any

from aichats.api.operation import Operation

ROUTE_MODULES = (
    "automations",
    "pauses",
    "previews",
    "run_now",
    "events",
    "sent_events",
    "runs",
    "create_chat",
    "chats",
    "files",
    "mutes",
    "kodey",
    "bulk",
    "subscriptions",
    "deliveries",
    "usage",
    "budgets",
    "me",
    "upcoming",
    "connections",
)
"""The modules with operations, in the order of the OpenAPI document."""

_OPERATIONS_OF_MODULES = {
    module: [
        member
        for member in vars(import_module(f"aichats.api.routes.{module}")).values()
        if isinstance(member, Operation)
    ]
    for module in ROUTE_MODULES
}
OPERATIONS: tuple[Operation[Any, Any], ...] = tuple(
    operation for operations in _OPERATIONS_OF_MODULES.values() for operation in operations
)


def index_of_operations() -> dict[str, dict[str, tuple[str, str, tuple[str, ...], bool, bool]]]:
    """Return the index: for each path and method the module, the name, the scopes, ``limited``, and if it answers.

    ``aichats.api.routes.index`` contains this index, so that a function finds an operation without importing all.
    """
    index: dict[str, dict[str, tuple[str, str, tuple[str, ...], bool, bool]]] = {}
    for module, operations in _OPERATIONS_OF_MODULES.items():
        for each in operations:
            entry = (module, each.run.__name__, tuple(each.scopes), each.limited, bool(each.answers))
            index.setdefault(each.path, {})[each.method] = entry
    return index
