"""The behavior of Whop's server: the steps of each call in their order."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.datastructures import QueryParams

from local.standins.shared.app import create_app as create_stand_in
from local.standins.shared.clock import Clock
from local.standins.shared.exchange import Act, Call, Elsewhere, Operation, Reply, attempt
from local.standins.shared.listing import listed
from local.standins.shared.rate_limit import RateLimit
from local.standins.whop.chats import Chat, Chats
from local.standins.whop.errors import WhopError
from local.standins.whop.files import FILE_OPERATIONS, Files, is_of_storage, logged_content, owner_of
from local.standins.whop.idempotency import Fingerprint, IdempotencyKeys, KeyOfCredential
from local.standins.whop.mode import WhopMode
from local.standins.whop.oauth import Grant, Grants
from local.standins.whop.oauth_errors import OAuthError
from local.standins.whop.oauth_server import OPERATIONS, OAuthServer, is_of_oauth, logged_body
from local.standins.whop.pages import page_of
from local.standins.whop.parameters import Agent, parse_body, parse_query
from local.standins.whop.permissions import (
    bearer_token,
    granted_to,
    require_company,
    require_webhooks,
    require_write,
    sees,
)
from local.standins.whop.versions import DEFAULT_VERSION, Dialect, dialect_of
from local.standins.whop.webhooks import WEBHOOK_OPERATIONS, Webhooks

AI_CHATS = "/api/v1/ai_chats"
AI_CHAT = "/api/v1/ai_chats/{id}"


class Whop:
    """The server, with its chats, files, webhooks, grants and idempotency keys, and the rate limits of its clients."""

    operations = (
        Operation("list", "GET", AI_CHATS),
        Operation("create", "POST", AI_CHATS),
        Operation("retrieve", "GET", AI_CHAT),
        Operation("update", "PATCH", AI_CHAT),
        Operation("delete", "DELETE", AI_CHAT),
        *FILE_OPERATIONS,
        *WEBHOOK_OPERATIONS,
        *OPERATIONS,
    )
    credential_header = "authorization"

    def __init__(self, clock: Clock, mode: WhopMode) -> None:
        self.mode = mode
        self._clock = clock
        self._grants = Grants(clock)
        self._oauth = OAuthServer(self._grants, clock)
        self._chats = Chats(clock)
        self._files = Files(clock)
        self._webhooks = Webhooks(clock)
        self._keys = IdempotencyKeys(clock)
        self._rate_limit = RateLimit(clock)

    def state(self) -> dict[str, Any]:
        """Return every chat with its message, every file, every webhook with its secret, and every user's grant."""
        now = self._clock.now()
        chats = [chat.as_state(now) for chat in self._chats.all()]
        files, webhooks = self._files.as_state(), self._webhooks.as_state()
        return {"chats": chats, "files": files, "webhooks": webhooks, "oauth": self._grants.state()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Add the chats, the files and the grants that :meth:`state` of an earlier server returned."""
        for chat in state["chats"]:
            self._chats.load(chat)
        for file in state.get("files", []):
            self._files.load(file)
        self._grants.load(state.get("oauth", []))

    def logged_body(self, call: Call) -> str:
        """Return the body, without the tokens of OAuth and the content of files."""
        if is_of_storage(call):
            return logged_content(call)
        return logged_body(call) if is_of_oauth(call) else call.body.decode(errors="replace")

    def refusal(self, call: Call, status: int) -> Reply:
        """Return Whop's error response to this call with ``status``."""
        if is_of_oauth(call):
            return OAuthError(status, "The request was rejected").reply
        return WhopError(status).reply

    def admit(self, call: Call) -> Callable[[], Reply | Elsewhere]:
        """Check the token, the rate limit and then the idempotency key. The returned function does everything else.

        Raises:
            WhopError: 401, 429, or the error of the idempotency key.
        """
        if is_of_oauth(call):
            return partial(attempt, partial(self._oauth.perform, call))
        if is_of_storage(call):
            return partial(attempt, partial(self._files.upload, call, self.mode))
        if not call.credential or not bearer_token(call):
            raise WhopError(401)
        grant = granted_to(call, self._grants, self.mode)
        wait = self._rate_limit.spend((call.operation, call.credential), self.mode.rate_limit)
        if wait:
            raise WhopError(429, f"Try again in {wait} seconds.")
        if call.operation in Webhooks.SENDING:
            return partial(attempt, partial(self._send, call, grant))
        act: Act = partial(attempt, partial(self._answer, call, grant))
        key = call.headers.get("idempotency-key")
        if call.method == "POST" and key and self.mode.idempotency == "honoured":
            return self._keys.once(KeyOfCredential(call.credential, key), fingerprint_of(call), act)
        return act

    def headers(self, _call: Call) -> Mapping[str, str]:
        """Return no headers."""
        return {}

    def _answer(self, call: Call, grant: Grant | None) -> Reply:
        return Reply.of(self._perform(call, grant))

    def _perform(self, call: Call, grant: Grant | None) -> object:
        """Perform the call with the rights of the grant, and return the content of the response."""
        version = version_of(call)
        dialect = dialect_of(version)
        if call.operation in Webhooks.NAMES:
            require_webhooks(call, grant, version)
            return self._webhooks.perform(call)
        if call.operation in Files.NAMES:
            return self._files.perform(call, grant, version)
        return self._perform_on_chats(call, grant, dialect)

    def _perform_on_chats(self, call: Call, grant: Grant | None, dialect: Dialect) -> object:
        if call.method != "GET":
            require_write(call, grant, self.mode)
        chat_id = self._seen(call, grant)
        match call.operation:
            case "list":
                return self._list(call, grant, dialect)
            case "create":
                body = require_company(grant, parse_body(dialect.create, call.body))
                self._files.check(body.message_attachments or [], owner_of(call, grant), self.mode)
                chat = self._chats.create(body, self.mode.replies)
            case "retrieve":
                chat = self._chats.retrieve(chat_id)
            case "update":
                chat = self._chats.update(chat_id, require_company(grant, parse_body(dialect.update, call.body)))
            case "delete":
                self._chats.delete(chat_id)
                return True
            case _:
                raise WhopError(404)
        return chat.as_ai_chat(self._clock.now(), with_agent=dialect.shows_agent)

    def _send(self, call: Call, grant: Grant | None) -> Elsewhere:
        """Return the rest of a call that delivers events of a webhook."""
        dialect_of(version_of(call))
        require_webhooks(call, grant, version_of(call))
        return self._webhooks.send(call)

    def _seen(self, call: Call, grant: Grant | None) -> str:
        """Return the ID of the call's chat, or an empty string.

        Raises:
            WhopError: 404, the grant doesn't see the chat.
        """
        chat_id = call.path_parameters.get("id", "")
        if grant and chat_id and not sees(grant, self._chats.retrieve(chat_id)):
            raise WhopError(404)
        return chat_id

    def _list(self, call: Call, grant: Grant | None, dialect: Dialect) -> dict[str, Any]:
        query = parse_query(dialect.list, dict(QueryParams(call.query)))
        # No chat here has a cron job.
        chats = [] if query.only_active_crons == "true" else self._listed(query.agent, grant)
        page = page_of(chats, query, self.mode.list)
        now = self._clock.now()
        data = [chat.as_ai_chat(now, with_agent=dialect.shows_agent) for chat in page.items]
        return {"data": data, "page_info": page.info()}

    def _listed(self, agent: Agent | None, grant: Grant | None) -> list[Chat]:
        """Return the chats that lists show now with this grant."""
        chats = listed(self._chats.all(), self.mode.list, until=self._clock.now() - self.mode.list_lag)
        return [chat for chat in chats if agent in (None, chat.agent_identifier) and sees(grant, chat)]


def version_of(call: Call) -> str:
    """Return the API version of the call."""
    return call.headers.get("api-version-date", DEFAULT_VERSION)


def fingerprint_of(call: Call) -> Fingerprint:
    """Return the parts of the call that must be the same when its idempotency key is used again."""
    return Fingerprint(call.method, call.path, call.query, call.body, version_of(call))


def create_app(
    clock: Clock | None = None,
    state: Mapping[str, Any] | None = None,
    api_keys: Literal["allowed", "forbidden"] = "allowed",
) -> Starlette:
    """Return the mock of Whop as an application.

    It starts with ``state`` and with this mode ``api_keys``, also after a reset. ``clock`` is by default the machine's.
    """
    clock = clock or Clock()
    return create_stand_in(lambda: Whop(clock, WhopMode(api_keys=api_keys)), clock, state)
