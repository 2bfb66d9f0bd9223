"""Reads example events as one of Whop's clients does: ``python sdk_events.py < checks.json``.

Run by the interpreter of an environment that has ``whop_sdk``. The input is a list of ``{"module", "class", "value"}``.
The output has an item for each: the fields that the client doesn't know, or its error.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any


def unknown_fields(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of the fields that no model knows."""
    if isinstance(value, dict):
        children = value
    elif isinstance(value, list):
        children = dict(enumerate(value))
    elif hasattr(value, "model_fields_set"):
        yield from (f"{path}.{name}" for name in value.model_extra or {})
        children = dict(value)
    else:
        return
    for name, child in children.items():
        yield from unknown_fields(child, f"{path}.{name}")


def judged(check: dict[str, Any]) -> dict[str, Any]:
    """Return the judgment about a value: ``unknown`` fields and an ``error``."""
    model = getattr(importlib.import_module(f"whop_sdk.{check['module']}"), check["class"])
    try:
        return {"unknown": list(unknown_fields(model.model_validate(check["value"]))), "error": None}
    except ValueError as error:
        return {"unknown": [], "error": str(error)}


sys.stdout.write(json.dumps([judged(check) for check in json.load(sys.stdin)]))
