"""The deliveries that arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from local.standins.receiver.signature import Verdict, verdict
from local.standins.shared.clock import iso, seconds_of

ID = "webhook-id"
"""Header with the ID of an event, which each delivery of the event repeats."""


@dataclass(frozen=True)
class Received:
    """One delivery that arrived, and the status with which the receiver answered it.

    ``number`` counts the deliveries. ``duplicate`` means that its ``webhook-id`` came before, at the same path.
    """

    number: int
    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes
    duplicate: bool
    status: int

    @property
    def webhook_id(self) -> str | None:
        """The ID of the event, or None without the header."""
        return self.headers.get(ID)

    @property
    def text(self) -> str:
        """The body as text. Bytes that aren't UTF-8 are replaced."""
        return self.body.decode(errors="replace")

    def signature(self, keys: Sequence[bytes]) -> Verdict:
        """Return whether one of the keys signed it."""
        return verdict(keys, self.headers, self.body, self.at)

    def as_state(self, keys: Sequence[bytes]) -> dict[str, Any]:
        """Return the delivery as the control API shows it."""
        return {
            "at": iso(self.at),
            "path": self.path,
            "headers": dict(self.headers),
            "body": self.text,
            "webhook_id": self.webhook_id,
            "signature": self.signature(keys),
            "duplicate": self.duplicate,
            "status": self.status,
        }

    @classmethod
    def of_state(cls, number: int, state: Mapping[str, Any]) -> Self:
        """Return the delivery that :meth:`as_state` returned.

        Raises:
            LookupError, TypeError, ValueError: the state isn't as it was returned.
        """
        return cls(
            number,
            seconds_of(state["at"]),
            str(state["path"]),
            {str(name): str(value) for name, value in dict(state["headers"]).items()},
            str(state["body"]).encode(),
            bool(state["duplicate"]),
            int(state["status"]),
        )
