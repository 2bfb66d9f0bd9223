"""The behavior of Whop's server: the steps of each call in their order."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams

from local.standins.shared.app import create_app as create_stand_in
from local.standins.shared.clock import Clock
from local.standins.shared.exchange import Act, Call, Operation, Reply, attempt
from local.standins.shared.listing import listed
from local.standins.shared.rate_limit import RateLimit
from local.standins.whop.chats import Chat, Chats
from local.standins.whop.errors import WhopError
from local.standins.whop.idempotency import Fingerprint, IdempotencyKeys, KeyOfCredential
from local.standins.whop.mode import WhopMode
from local.standins.whop.pages import page_of
from local.standins.whop.parameters import Agent, parse_body, parse_query
from local.standins.whop.versions import DEFAULT_VERSION, Dialect, dialect_of

AI_CHATS = "/api/v1/ai_chats"
AI_CHAT = "/api/v1/ai_chats/{id}"
OF_A_USER = "oauth_"
"""Start of a user's OAuth tokens here. Every other token is an API key."""


class Whop:
    """The server, with its chats, its idempotency keys and the rate limits of its clients."""

    operations = (
        Operation("list", "GET", AI_CHATS),
        Operation("create", "POST", AI_CHATS),
        Operation("retrieve", "GET", AI_CHAT),
        Operation("update", "PATCH", AI_CHAT),
        Operation("delete", "DELETE", AI_CHAT),
    )
    credential_header = "authorization"

    def __init__(self, clock: Clock) -> None:
        self.mode = WhopMode()
        self._clock = clock
        self._chats = Chats(clock)
        self._keys = IdempotencyKeys(clock)
        self._rate_limit = RateLimit(clock)

    def chats(self) -> list[dict[str, Any]]:
        """Return every chat, in order of creation, with its company and its message."""
        return [chat.as_state() for chat in self._chats.all()]

    def load(self, chat: Mapping[str, Any]) -> None:
        """Add a chat as :meth:`chats` of an earlier server returned it."""
        self._chats.load(chat)

    def refusal(self, status: int) -> Reply:
        """Return Whop's error response with ``status``."""
        return WhopError(status).reply

    def admit(self, call: Call) -> Act:
        """Check the token, the rate limit and then the idempotency key. The returned function does everything else.

        Raises:
            WhopError: 401, 429, or the error of the idempotency key.
        """
        if not call.credential or not bearer_token(call):
            raise WhopError(401)
        wait = self._rate_limit.spend((call.operation, call.credential), self.mode.rate_limit)
        if wait:
            raise WhopError(429, f"Try again in {wait} seconds.")
        act = partial(attempt, partial(self._answer, call))
        key = call.headers.get("idempotency-key")
        if call.method == "POST" and key and self.mode.idempotency == "honoured":
            return self._keys.once(KeyOfCredential(call.credential, key), fingerprint_of(call), act)
        return act

    def headers(self, _call: Call) -> Mapping[str, str]:
        """Return no headers."""
        return {}

    def _answer(self, call: Call) -> Reply:
        return Reply.of(self._perform(call))

    def _perform(self, call: Call) -> object:
        """Perform the call, and return the content of the response."""
        dialect = dialect_of(version_of(call))
        if call.method != "GET" and not self._may_write(call):
            raise WhopError(403)
        chat_id = call.path_parameters.get("id", "")
        match call.operation:
            case "list":
                return self._list(call, dialect)
            case "create":
                chat = self._chats.create(parse_body(dialect.create, call.body))
            case "retrieve":
                chat = self._chats.retrieve(chat_id)
            case "update":
                chat = self._chats.update(chat_id, parse_body(dialect.update, call.body))
            case "delete":
                self._chats.delete(chat_id)
                return True
            case _:
                raise WhopError(404)
        return chat.as_ai_chat(with_agent=dialect.shows_agent)

    def _may_write(self, call: Call) -> bool:
        return self.mode.api_keys == "allowed" or bearer_token(call).startswith(OF_A_USER)

    def _list(self, call: Call, dialect: Dialect) -> dict[str, Any]:
        query = parse_query(dialect.list, dict(QueryParams(call.query)))
        # No chat here has a cron job.
        chats = [] if query.only_active_crons == "true" else self._listed(query.agent)
        page = page_of(chats, query, self.mode.list)
        data = [chat.as_ai_chat(with_agent=dialect.shows_agent) for chat in page.chats]
        return {"data": data, "page_info": page.info()}

    def _listed(self, agent: Agent | None) -> list[Chat]:
        """Return the chats that lists show now."""
        chats = listed(self._chats.all(), self.mode.list, until=self._clock.now() - self.mode.list_lag)
        return [chat for chat in chats if agent in (None, chat.agent_identifier)]


def bearer_token(call: Call) -> str:
    """Return the token of ``Authorization: Bearer``, or an empty string."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def version_of(call: Call) -> str:
    """Return the API version of the call."""
    return call.headers.get("api-version-date", DEFAULT_VERSION)


def fingerprint_of(call: Call) -> Fingerprint:
    """Return the parts of the call that must be the same when its idempotency key is used again."""
    return Fingerprint(call.method, call.path, call.query, call.body, version_of(call))


def create_app(clock: Clock | None = None, chats: Iterable[dict[str, Any]] = ()) -> Starlette:
    """Return the mock of Whop as an application that starts with ``chats``; ``clock`` is by default the machine's."""
    clock = clock or Clock()
    return create_stand_in(lambda: Whop(clock), clock, chats)
