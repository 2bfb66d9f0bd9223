"""Requests of other functions to ``refresh_tokens``, when they meet an access token that has ended or was rejected."""

from collections.abc import Callable
from dataclasses import field

from aichats.aws.functions import Lambda, invoke_later
from aichats.frozen import frozen

REQUEST_PAUSE_SECONDS = 60.0
"""The shortest time between two requests of a container for the same connection."""


@frozen
class RenewalRequests:
    """Requests renewals. Safe to share between threads.

    If a request is lost, the renewal happens within ten minutes anyway.

    Args:
        client: returns the client of Lambda.
        function: the name of the function ``refresh_tokens``; ``None`` in functions that don't call Whop.
        clock: returns the current time in Unix seconds.
    """

    client: Callable[[], Lambda]
    function: str | None
    clock: Callable[[], float]
    _requested_at: dict[str, float] = field(default_factory=dict)

    def request(self, connection: str, rejected: str | None = None) -> None:
        """Let ``refresh_tokens`` renew a connection.

        Args:
            connection: the connection's name.
            rejected: the fingerprint of an access token that Whop rejected before its end.
        """
        age = self.clock() - self._requested_at.get(connection, -REQUEST_PAUSE_SECONDS)
        if self.function is None or 0 <= age < REQUEST_PAUSE_SECONDS:
            return
        self._requested_at[connection] = self.clock()
        event = {"connection": connection} | ({"rejected": rejected} if rejected else {})
        invoke_later(self.client, self.function, event)
