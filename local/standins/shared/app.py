"""The application of a mock server: its provider's operations, and the control surface."""

from collections.abc import Callable, Mapping, Sequence
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


def create_app[P: Provider](
    make_provider: Callable[[], P],
    clock: Clock,
    state: Mapping[str, Any] | None = None,
    own_routes: Callable[[StandIn[P]], Sequence[Route]] = lambda _stand_in: (),
) -> Starlette:
    """Return the application around a provider that starts with ``state``. A reset makes a new provider, without data.

    ``own_routes`` returns routes for people and tests, which come first: they meet no fault, and are not logged.

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
    return Starlette(routes=[*own_routes(stand_in), control(stand_in), *routes, rest])
