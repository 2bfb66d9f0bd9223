"""A client of Whop's API: the five operations on AI chats, webhooks (:attr:`WhopClient.webhooks`) and files.

The client names the fields of AI chats as the API version requires.

The client follows Whop's published specifications of May to October 2026 (https://docs.whop.com/api-reference).
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aichats.errors import InputError
from aichats.http import BaseTransport
from aichats.http.answers import ProviderAnswer, read_answer
from aichats.http.client import HttpClient
from aichats.http.paths import segment
from aichats.http.tokens import Token, is_visible_ascii
from aichats.http.transport import DeadlineTransport
from aichats.whop.chats import PageOfTitles, WhopChat, read_chat, read_titles
from aichats.whop.errors import WHOP_STYLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats.json_types import Json
    from aichats.whop.files import FilesClient
    from aichats.whop.models import AiChatPage, ListAiChats
    from aichats.whop.webhook_registration import WebhooksClient

WHOP_BASE_URL = "https://api.whop.com/api/v1"
MAX_KEY_CHARACTERS = 255
"""The maximum length of an idempotency key."""
DEFAULT_API_VERSION = "2026-07-08-1"
PARTS_OF_VERSION = 4
"""The maximum number of parts of a version: year, month, day and a number."""
ACCOUNT_ID_SINCE = (2026, 9, 15, 0)
"""The first version that calls the company ``current_account_id`` and gives chats an ``agent_identifier``."""
ORDER = (
    "message_text",
    "title",
    "message_source",
    "suggestion_type",
    "agent_identifier",
    "notification_preference",
    "attachments",
    "company_id",
)
"""The order of the fields in a request. Two requests with the same fields must have the same bytes."""


class WhopClient:
    """AI chats with one credential.

    Args:
        token: a token, or a function that returns one. The function is called with ``None`` before each call, and with
            the rejected token after a 401 or a 403. If it then returns another token, the call is retried once.
        api_version: the value of ``Api-Version-Date`` for AI chats, which has priority over the version of the key. The
            other operations have a version of their own.
        timeout: the time limit of a whole call in seconds, with its retries and waits.
        transport: the transport; by default, the client has its own connection pool.
    """

    def __init__(
        self,
        token: Token,
        base_url: str = WHOP_BASE_URL,
        api_version: str = DEFAULT_API_VERSION,
        timeout: float = 20.0,
        transport: BaseTransport | None = None,
    ) -> None:
        self._account_naming = _version(api_version) >= ACCOUNT_ID_SINCE
        self._api_version = api_version
        self._http = HttpClient(WHOP_STYLE, base_url, token, timeout, transport or DeadlineTransport())

    def create_ai_chat(self, chat: Json, *, idempotency_key: str) -> WhopChat:
        """Create a chat with the fields of :class:`~aichats.whop.models.CreateAiChat`, which are not checked again.

        The call is only retried if Whop certainly did not create the chat.

        Raises:
            InputError: the key is not 1 to 255 visible ASCII characters. Nothing was sent.
            OutcomeUnknownError: Whop may have created the chat.
            ProtocolError: the chat exists, but the answer can't be read. The error has the ``chat_id`` if possible.
            ProviderError: Whop rejected the call or was not reached. The chat does not exist.
        """
        if len(idempotency_key) > MAX_KEY_CHARACTERS or not is_visible_ascii(idempotency_key):
            raise InputError([("idempotency_key", "must be 1 to 255 visible ASCII characters")])
        headers = {"idempotency-key": idempotency_key}
        return read_chat(self._call("POST", body=self._wire(chat), headers=headers))

    def retrieve_ai_chat(self, chat_id: str) -> WhopChat:
        """Return one chat.

        Raises:
            NotFoundError: the chat does not exist, or the credential may not read it.
            ProviderError: any other failure.
        """
        return read_chat(self._call("GET", _path(chat_id)))

    def update_ai_chat(self, chat_id: str, changes: Json) -> WhopChat:
        """Change a chat: the fields of :class:`~aichats.whop.models.UpdateAiChat`, which are not checked again.

        A field that is missing stays unchanged; ``None`` clears a field. The call is safe to repeat.

        Raises:
            NotFoundError: the chat does not exist, or the credential may not change it.
            ProviderError: any other failure.
        """
        return read_chat(self._call("PATCH", _path(chat_id), body=self._wire(changes)))

    def delete_ai_chat(self, chat_id: str) -> None:
        """Delete a chat.

        Raises:
            ProviderError: the call failed.
        """
        self._call("DELETE", _path(chat_id))

    def list_page(self, query: ListAiChats) -> AiChatPage:
        """Return one page of the list.

        Raises:
            InputError: the API version does not know ``agent_identifier``.
            ProviderError: the call failed.
        """
        from aichats.whop.models import AiChatPage

        check_agent_identifier(query.agent_identifier, self._api_version)
        fields = query.model_dump(mode="json", exclude_none=True)
        params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        return read_answer(AiChatPage, self._call("GET", params=params))

    def list_titles(self, *, after: str | None, first: int) -> PageOfTitles:
        """Return one page of the list with the ids and titles of its chats.

        Raises:
            ProviderError: the call failed.
        """
        params = {"first": str(first)} | ({} if after is None else {"after": after})
        return read_titles(self._call("GET", params=params))

    @cached_property
    def webhooks(self) -> WebhooksClient:
        """Whop's webhooks, with the same credential."""
        from aichats.whop.webhook_registration import WebhooksClient

        return WebhooksClient(self._http)

    @cached_property
    def files(self) -> FilesClient:
        """Files for attachments, with the same credential. Only chats of this credential may use them."""
        from aichats.whop.files import FilesClient

        return FilesClient(self._http)

    def _call(
        self,
        method: str,
        path: str = "/ai_chats",
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ProviderAnswer:
        """Make a call of the AI chats API, with the version of the API that the client was given."""
        versioned = {"api-version-date": self._api_version} | dict(headers or {})
        return self._http.call(method, path, params=params, body=body, headers=versioned)

    def _wire(self, request: Json) -> dict[str, Any]:
        """Return the fields of a request in their order, with the names of the API version."""
        fields = {name: request[name] for name in sorted(request, key=ORDER.index)}
        check_agent_identifier(fields.get("agent_identifier"), self._api_version)
        if not self._account_naming:
            fields.pop("agent_identifier", None)
        if "company_id" in fields:
            fields["current_account_id" if self._account_naming else "current_company_id"] = fields.pop("company_id")
        if "attachments" in fields:
            files = fields.pop("attachments")
            fields["message_attachments"] = None if files is None else [{"id": file} for file in files]
        return fields


def check_agent_identifier(agent_identifier: str | None, api_version: str, field: str = "agent_identifier") -> None:
    """Check that a version of the API knows ``agent_identifier`` if it is set.

    Raises:
        InputError: the version does not know it. The error names ``field``.
    """
    if agent_identifier is not None and _version(api_version) < ACCOUNT_ID_SINCE:
        raise InputError([(field, "needs Whop's API version 2026-09-15 or later")])


def _path(chat_id: str) -> str:
    return f"/ai_chats/{segment(chat_id, problem='is not the id of a chat (aich_...)')}"


def _version(api_version: str) -> tuple[int, ...]:
    """Return a version such as ``2026-09-22-1`` as numbers that can be compared."""
    parts = api_version.split("-")
    has_form = [len(part) for part in parts[:3]] == [4, 2, 2] and all(part.isdecimal() for part in parts)
    if not has_form or len(parts) > PARTS_OF_VERSION:
        problem = f"must be a version such as 2026-07-08 or 2026-07-08-1, not {api_version!r}"
        raise InputError([("api_version", problem)])
    year, month, day, *number = map(int, parts)
    return year, month, day, *(number or [0])
