"""The application of a stand-in: its provider's operations, and the control surface."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import Route

from local.standins.shared.clock import Clock
from local.standins.shared.control import control
from local.standins.shared.exchange import Provider
from local.standins.shared.stand_in import StandIn

UNKNOWN = "unknown"
"""The operation of a request that no operation of the provider takes."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(make_provider: Callable[[], Provider], clock: Clock) -> Starlette:
    """The application around what ``make_provider`` makes; a reset makes another one."""
    stand_in = StandIn(make_provider, clock)
    operations = stand_in.memory.provider.operations
    routes = [Route(each.path, stand_in.endpoint(each.name), methods=[each.method]) for each in operations]
    # The last route takes every other method and path, so that those are logged and refused as the provider does it.
    rest = Route("/{path:path}", stand_in.endpoint(UNKNOWN), methods=METHODS)
    return Starlette(routes=[control(stand_in), *routes, rest])
