"""Bodies that take back what the API returned: their read-only fields are ignored."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from aichats.errors import InputError

type ReadOnly = Annotated[Any, Field(json_schema_extra={"readOnly": True})]


def written_definition[ModelT: BaseModel](body: BaseModel, model: type[ModelT], name: str, kind: str) -> ModelT:
    """Return the definition in a body, without the read-only fields.

    Args:
        body: the body. Its class derives from ``model``, and has the field ``name`` besides.
        model: the class of the definition.
        name: the name in the path.
        kind: the kind of the definition, with its article.

    Raises:
        InputError: the body has another name than the path.
    """
    if "name" in body.model_fields_set and getattr(body, "name", None) != name:
        raise InputError([("name", f"must be {name}, the name in the path. To copy {kind}, leave it out")])
    fields = {field: getattr(body, field) for field in model.model_fields}
    return model.model_construct(body.model_fields_set & fields.keys(), **fields)
