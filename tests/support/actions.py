"""Valid actions of runs."""

from typing import Any

from aichats.runs.action import Action
from aichats.runs.action_models import validated_action


def an_action(**fields: Any) -> Action:
    """Return a valid action with a type and its fields."""
    return validated_action(fields, {"max_message_bytes": 131_072})


def whop_create_chat(**fields: Any) -> Action:
    """Return an action that creates a chat of Whop."""
    return an_action(type="whop.create_chat", **fields)


def whop_update_chat(**fields: Any) -> Action:
    """Return an action that changes a chat of Whop."""
    return an_action(type="whop.update_chat", **fields)


def kodey_create_chat(**fields: Any) -> Action:
    """Return an action that creates a chat of Kodey."""
    return an_action(type="kodey.create_chat", **fields)


def kodey_send_message(**fields: Any) -> Action:
    """Return an action that sends a message to a chat of Kodey."""
    return an_action(type="kodey.send_message", **fields)


def with_fields(action: Action, **fields: Any) -> Action:
    """Return a valid action with other fields."""
    return an_action(**action.as_json() | fields)
