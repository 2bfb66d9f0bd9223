"""The application of a mock server: its provider's operations, and the control surface."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from local.standins.shared.clock import Clock
from local.standins.shared.control import control
from local.standins.shared.exchange import Provider
from local.standins.shared.stand_in import StandIn

UNKNOWN = "unknown"
"""Operation of a request that matches none of the provider's operations."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(
    make_provider: Callable[[], Provider], clock: Clock, state: Mapping[str, Any] | None = None
) -> Starlette:
    """Return the application around a provider that starts with ``state``. A reset makes a new provider, without data.

    Raises:
        LookupError, TypeError, ValueError: the state isn't as :meth:`StandIn.state` returned it.
    """
    stand_in = StandIn(make_provider, clock)
    if state is not None:
        stand_in.load(state)
    operations = stand_in.memory.provider.operations
    routes = [Route(each.path, stand_in.endpoint(each.name), methods=[each.method]) for each in operations]
    # The last route matches every other method and path. So those are logged, and rejected as the provider does.
    rest = Route("/{path:path}", stand_in.endpoint(UNKNOWN), methods=METHODS)
    return Starlette(routes=[control(stand_in), *routes, rest])
