"""Idempotency keys, for a server that supports them."""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

from local.standins.shared.clock import Clock
from local.standins.shared.exchange import Act, Reply
from local.standins.whop.errors import WhopError

MAX_BYTES = 255
KEPT_SECONDS = 24 * 60 * 60


class KeyOfCredential(NamedTuple):
    """An idempotency key of one credential. Keys of other credentials are independent."""

    credential: str
    key: str


class Fingerprint(NamedTuple):
    """The parts of a call that must be the same whenever its key is used again."""

    method: str
    path: str
    query: str
    body: bytes
    version: str


@dataclass
class Entry:
    """The record of a key. Without a reply, its call is still in progress."""

    fingerprint: Fingerprint
    began_at: float
    reply: Reply | None = None


class IdempotencyKeys:
    """The keys of the last 24 hours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[KeyOfCredential, Entry] = {}

    def once(self, key: KeyOfCredential, fingerprint: Fingerprint, act: Act) -> Act:
        """Return ``act`` and record a new key as in progress until ``act`` is done, or return a replay for a known key.

        Raises:
            WhopError: 400, the key is too long or belongs to another call; 409, its call is still in progress.
        """
        if len(key.key.encode("latin-1")) > MAX_BYTES:
            message = f"Idempotency-Key is longer than {MAX_BYTES} bytes"
            raise WhopError(400, message, code="parameter_invalid", param="Idempotency-Key")
        self._forget_old_ones()
        earlier = self._entries.get(key)
        if earlier:
            return replay(earlier, fingerprint)
        entry = self._entries[key] = Entry(fingerprint, self._clock.now())

        def act_and_remember() -> Reply:
            entry.reply = act()
            return entry.reply

        return act_and_remember

    def _forget_old_ones(self) -> None:
        oldest = self._clock.now() - KEPT_SECONDS
        expired = itertools.takewhile(lambda item: item[1].began_at <= oldest, self._entries.items())
        for key in [key for key, _ in expired]:
            del self._entries[key]


def replay(entry: Entry, fingerprint: Fingerprint) -> Act:
    """Return a function that returns the recorded response again.

    Raises:
        WhopError: 400, the key belongs to another call; 409, its call is still in progress.
    """
    if entry.fingerprint != fingerprint:
        message = "This Idempotency-Key was used with another request"
        raise WhopError(400, message, code="idempotency_key_mismatch", param="Idempotency-Key")
    if entry.reply is None:
        message = "A request with this Idempotency-Key is still in progress"
        raise WhopError(409, message, code="idempotency_request_in_progress", param="Idempotency-Key")
    reply = entry.reply
    return lambda: Reply(reply.status, reply.body, reply.media_type, {"idempotent-replayed": "true"})
