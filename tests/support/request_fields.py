"""The fields of requests to providers."""

from typing import Any

from pydantic import BaseModel


def fields_of(request: BaseModel) -> dict[str, Any]:
    """Return the fields of a valid request that are set, as the clients take them."""
    return request.model_dump(mode="json", exclude_unset=True)
