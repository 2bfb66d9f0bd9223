"""The control surface of every mock server: ``/_control/state``, ``reset``, ``mode``, ``faults`` and ``clock``."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from aichats.validation import message_of
from local.standins.shared.clock import iso
from local.standins.shared.exchange import Provider
from local.standins.shared.faults import Fault
from local.standins.shared.stand_in import StandIn

OBJECT = TypeAdapter(dict[str, Any])
FAULTS = TypeAdapter(list[Fault])

MAX_ADVANCE_SECONDS = 366 * 24 * 60 * 60

type Endpoint = Callable[[Request], Awaitable[JSONResponse]]


class ControlError(Exception):
    """An invalid request to the control surface. ``errors`` say which field is invalid, and what is valid."""

    def __init__(self, *errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors


class Move(BaseModel):
    """A move of the clock."""

    model_config = ConfigDict(extra="forbid", strict=True)

    advance: float = Field(ge=0, le=MAX_ADVANCE_SECONDS)
    """Seconds by which the clock moves ahead."""


def control[P: Provider](stand_in: StandIn[P]) -> Mount:
    """Return the control surface of a mock server."""

    async def state(_request: Request) -> JSONResponse:
        return JSONResponse(stand_in.state())

    async def reset(_request: Request) -> JSONResponse:
        stand_in.reset()
        return JSONResponse(stand_in.state())

    async def mode(request: Request) -> JSONResponse:
        return JSONResponse(change_mode(stand_in, await request.body()))

    async def faults(request: Request) -> JSONResponse:
        return JSONResponse(arm_faults(stand_in, await request.body()))

    async def clock(request: Request) -> JSONResponse:
        return JSONResponse(move_clock(stand_in, await request.body()))

    return Mount(
        "/_control",
        routes=[
            Route("/state", state, methods=["GET"]),
            Route("/reset", reset, methods=["POST"]),
            Route("/mode", answering_errors(mode), methods=["POST"]),
            Route("/faults", answering_errors(faults), methods=["POST"]),
            Route("/clock", answering_errors(clock), methods=["POST"]),
        ],
    )


def change_mode[P: Provider](stand_in: StandIn[P], body: bytes) -> dict[str, Any]:
    """Change the fields of the mode that ``body`` names, and return the mode.

    Raises:
        ControlError: the body isn't a JSON object, or has an unknown field or an invalid value.
    """
    provider = stand_in.memory.provider
    kind: type[BaseModel] = type(provider.mode)
    try:
        changed = kind.model_validate({**provider.mode.model_dump(), **OBJECT.validate_json(body)})
    except ValidationError as error:
        raise ControlError(*explained(error, kind)) from error
    provider.mode = changed
    return changed.model_dump()


def arm_faults[P: Provider](stand_in: StandIn[P], body: bytes) -> list[dict[str, Any]]:
    """Add the faults that ``body`` lists, and return all that are armed. An empty list removes all.

    Raises:
        ControlError: the body isn't a JSON list, or has an unknown fault or one that no request can match.
    """
    memory = stand_in.memory
    try:
        faults = FAULTS.validate_json(body)
    except ValidationError as error:
        raise ControlError(*explained(error, Fault)) from error
    operations = memory.provider.operations
    paths = ", ".join(f"{operation.method} {operation.path}" for operation in operations)
    for index, fault in enumerate(faults):
        if not any(fault.can_meet(operation) for operation in operations):
            message = f"{fault.method} {fault.path} is not an operation. Use one of {paths}"
            raise ControlError({"field": f"[{index}].path", "message": message})
    memory.faults.arm(faults)
    return [fault.model_dump() for fault in memory.faults.armed]


def move_clock[P: Provider](stand_in: StandIn[P], body: bytes) -> dict[str, Any]:
    """Move the clock ahead, and return its new time.

    Raises:
        ControlError: the body isn't a JSON object with ``advance`` from 0 to 366 days in seconds.
    """
    try:
        move = Move.model_validate_json(body)
    except ValidationError as error:
        raise ControlError(*explained(error, Move)) from error
    stand_in.clock.advance(move.advance)
    return {"now": iso(stand_in.clock.now())}


def answering_errors(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint so that it answers 422 if it raises ControlError."""

    async def answering(request: Request) -> JSONResponse:
        try:
            return await endpoint(request)
        except ControlError as error:
            return JSONResponse({"errors": error.errors}, 422)

    return answering


def explained(error: ValidationError, model: type[BaseModel]) -> list[dict[str, str]]:
    """Return the invalid fields, each with what is valid."""
    unknown = f"unknown field. Use one of {', '.join(model.model_fields)}"
    return [
        {
            "field": ".".join(f"[{part}]" if isinstance(part, int) else part for part in each["loc"]),
            "message": unknown if each["type"] == "extra_forbidden" else message_of(each),
        }
        for each in error.errors()
    ]
