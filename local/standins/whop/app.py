"""What Whop's server does with a call, in the order in which it does it."""

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
"""What a user's OAuth tokens begin with here; every other token is an API key."""


class Whop:
    """The server: its chats, and what it remembers of its callers."""

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
        """Every chat, in order of creation, with its company and its message."""
        return [chat.as_state() for chat in self._chats.all()]

    def load(self, chat: Mapping[str, Any]) -> None:
        """Add a chat as :meth:`chats` of an earlier server returned it."""
        self._chats.load(chat)

    def refusal(self, status: int) -> Reply:
        """The answer by which Whop refuses with ``status``."""
        return WhopError(status).reply

    def admit(self, call: Call) -> Act:
        """Check the token and the rate limit, then look at the idempotency key. All else is part of the act.

        Raises:
            WhopError: 401, 429, or what the key has against it.
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
        """None that every answer carries."""
        return {}

    def _answer(self, call: Call) -> Reply:
        return Reply.of(self._perform(call))

    def _perform(self, call: Call) -> object:
        """Do it; what the answer says."""
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
        # No chat here has a cron, so the active ones are none.
        chats = [] if query.only_active_crons == "true" else self._listed(query.agent)
        page = page_of(chats, query, self.mode.list)
        data = [chat.as_ai_chat(with_agent=dialect.shows_agent) for chat in page.chats]
        return {"data": data, "page_info": page.info()}

    def _listed(self, agent: Agent | None) -> list[Chat]:
        """The chats that lists show by now."""
        chats = listed(self._chats.all(), self.mode.list, until=self._clock.now() - self.mode.list_lag)
        return [chat for chat in chats if agent in (None, chat.agent_identifier)]


def bearer_token(call: Call) -> str:
    """The token of ``Authorization: Bearer``, or an empty string."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def version_of(call: Call) -> str:
    """The API version that the call asks for."""
    return call.headers.get("api-version-date", DEFAULT_VERSION)


def fingerprint_of(call: Call) -> Fingerprint:
    """What has to be the same when the call's idempotency key comes again."""
    return Fingerprint(call.method, call.path, call.query, call.body, version_of(call))


def create_app(clock: Clock | None = None, chats: Iterable[dict[str, Any]] = ()) -> Starlette:
    """Return the mock of Whop as an application that starts with ``chats``; ``clock`` is by default the machine's."""
    clock = clock or Clock()
    return create_stand_in(lambda: Whop(clock), clock, chats)
