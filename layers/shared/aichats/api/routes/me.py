"""``/me``: the API client that calls."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from aichats.api.operation import ApiCall, Reply, operation
from aichats.models import DeferredModel


class Me(DeferredModel):
    """An API client, and the operations that it may use."""

    name: str
    scopes: list[str]
    companies: Annotated[
        list[str] | None, Field(description="The companies that the client is limited to; null if it has no limit")
    ]
    expires_at: Annotated[datetime | None, Field(description="The end of this token; null if it never expires")]
    stack: Annotated[str, Field(description="The name of the stack")]
    operations: Annotated[
        list[str], Field(description="The `operationId` of each operation that the client may use, sorted")
    ]


@operation("GET", "/me", "Get the API client that calls", scopes=(), answers={200: Me}, limited=True)
def get_me(call: ApiCall[None, None]) -> Reply:
    """Return the name of the client that the token belongs to, its scopes, its limits, and what it may use.

    Every client may ask. An operation in `operations` can still reject what the client asks for, such as a run of
    another company.
    """
    caller = call.caller
    return Reply(
        Me(
            name=caller.name,
            scopes=sorted(caller.scopes),
            companies=None if caller.companies is None else sorted(caller.companies),
            expires_at=caller.expires_at,
            stack=call.app.event_settings.powertools_service_name,
            operations=call.open_operations(),
        )
    )
