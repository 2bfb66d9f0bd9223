"""The body of an error response, as the OpenAPI document describes it. ``ProblemBody`` is what is sent."""

from pydantic import BaseModel, ConfigDict


class FieldProblem(BaseModel):
    """An invalid field, and the reason."""

    field: str
    message: str


class Upstream(BaseModel):
    """The response of a provider that rejected a request."""

    provider: str
    status: int
    code: str | None = None
    request_id: str | None = None


class Problem(BaseModel):
    """The body of an error response."""

    model_config = ConfigDict(json_schema_extra={"description": "Problem details (RFC 9457)"})

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] | None = None
    upstream: Upstream | None = None
    run_id: str | None = None
    chat_id: str | None = None
    """A chat that exists although the call failed."""
