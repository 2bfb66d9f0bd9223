"""The models of all actions: they define what people may send, and explain what is invalid.

Import this module only where input comes in that :func:`aichats.runs.action.quick_action` does not accept, because
pydantic slows a cold start.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function, plain_serializer_function_ser_schema

from aichats.kodey.actions import KodeyCreateChat, KodeySendMessage
from aichats.runs.action import Action
from aichats.validation import read_stored
from aichats.whop.actions import WhopCreateChat, WhopUpdateChat

type ActionModel = Annotated[
    WhopCreateChat | WhopUpdateChat | KodeyCreateChat | KodeySendMessage, Field(discriminator="type")
]


def action_schema(handler: GetCoreSchemaHandler) -> CoreSchema:
    """Return the schema of a field of the type :class:`Action`: it accepts the models of all actions."""
    models: Any = ActionModel.__value__
    return no_info_after_validator_function(
        as_action,
        handler.generate_schema(models),
        ref=f"{Action.__module__}.{Action.__qualname__}:{id(Action)}",
        serialization=plain_serializer_function_ser_schema(Action.as_json),
    )


def as_action(model: BaseModel) -> Action:
    """Return the model of an action as plain data."""
    fields = model.model_dump(mode="json", exclude_unset=True)
    return Action(fields.pop("type"), fields)


def validated_action(data: object, context: Mapping[str, Any]) -> Action:
    """Return decoded JSON as an action. The ``context`` may have ``max_message_bytes``.

    Raises:
        ValidationError: the action is invalid.
    """
    return _ADAPTER.validate_python(data, context=dict(context))


def read_stored_action(data: object, owner: str) -> Action:
    """Return a stored action, as decoded JSON.

    Raises:
        UnreadableError: this version of the code cannot read the action. The error names ``owner``.
    """
    return read_stored(_ADAPTER.validate_python, data, owner)


_ADAPTER: TypeAdapter[Action] = TypeAdapter(Action)
