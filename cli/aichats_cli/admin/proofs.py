"""Verify credentials of providers with harmless calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from aichats.errors import AichatsError, AuthenticationError, PermissionDeniedError
from aichats.http.deadline import time_limit
from aichats.http.transport import DeadlineTransport
from aichats.kodey.client import KodeyClient
from aichats.whop.client import WhopClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aichats_cli.admin.deployed import DeployedStack

VERIFY_SECONDS = 10.0
"""The maximum duration of the calls for one credential."""
MAX_CONCURRENT_CALLS = 8
NO_CHAT = "aich_00000000000000"
"""The id of a chat that doesn't exist."""
NO_USER = "aichats-verify"
"""A user of Kodey without chats."""


@dataclass(frozen=True)
class Proof:
    """A provider's answer about a credential.

    Attributes:
        result: ``unknown`` if the provider was not reached, or gave an answer that says nothing about the credential.
        reason: the reason of a result other than ``accepted``, without any secret.
        lacks_writes: whether Whop rejected a change with 403, so that the credential looks unable to create chats.
    """

    result: Literal["accepted", "rejected", "unknown"]
    reason: str = ""
    lacks_writes: bool = False


@dataclass(frozen=True)
class Providers:
    """The providers that a deployed stack calls.

    Attributes:
        whop_url: the URL of Whop's API.
        whop_version: the version of Whop's API.
        kodey_url: the URL of Kodey's API.
    """

    whop_url: str
    whop_version: str
    kodey_url: str

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Providers:
        """Return the providers that the parameters of a stack describe."""
        return cls(parameters["WhopBaseUrl"], parameters["WhopApiVersion"], parameters["KodeyBaseUrl"])

    @classmethod
    def find(cls, stack: DeployedStack) -> Providers:
        """Return the providers that a deployed stack calls.

        Raises:
            DeployedError: the stack can't be read, or is not a stack of aichats.
        """
        return cls.of(stack.parameters("WhopBaseUrl", "WhopApiVersion", "KodeyBaseUrl"))

    def whop(self, token: str) -> Proof:
        """Return whether Whop accepts an API key or an access token.

        The change of a chat that doesn't exist shows whether the credential may change chats: Whop then answers 404.
        The request has no fields, so it would change nothing even if the chat existed. Whop doesn't document in which
        order it checks, so only a 403 counts.
        """
        with DeadlineTransport() as transport:
            client = WhopClient(token, self.whop_url, self.whop_version, VERIFY_SECONDS, transport)
            proof = _proof(partial(client.list_titles, after=None, first=1))
            if proof.result != "accepted":
                return proof
            try:
                with time_limit(VERIFY_SECONDS):
                    client.update_ai_chat(NO_CHAT, {})
            except PermissionDeniedError:
                return Proof("accepted", lacks_writes=True)
            except AichatsError:
                return proof
        return proof

    def kodey(self, key: str) -> Proof:
        """Return whether Kodey accepts a key."""
        with DeadlineTransport() as transport:
            client = KodeyClient(key, self.kodey_url, VERIFY_SECONDS, transport=transport)
            return _proof(partial(client.list_chats, user_id=NO_USER))

    def whop_keys(self, tokens: Iterable[str]) -> Iterator[tuple[str, Proof]]:
        """Yield each different token with the result of :meth:`whop`. Several are verified at the same time."""
        different = list(dict.fromkeys(tokens))
        with ThreadPoolExecutor(MAX_CONCURRENT_CALLS) as pool:
            yield from zip(different, pool.map(self.whop, different), strict=True)


def _proof(call: Callable[[], object]) -> Proof:
    try:
        with time_limit(VERIFY_SECONDS):
            call()
    except (AuthenticationError, PermissionDeniedError) as error:
        return Proof("rejected", error.reason.rstrip("."))
    except AichatsError as error:
        return Proof("unknown", str(error))
    return Proof("accepted")
