"""Whop's AI chats API as a client: five operations, with the company's field named as the API version wants it.

The facts are Whop's published specifications of May to October 2026 (https://docs.whop.com/api-reference).
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from aichats.errors import InputError, ProtocolError
from aichats.http import BaseTransport
from aichats.http.answers import Answer, read
from aichats.http.client import HttpClient
from aichats.http.paths import segment
from aichats.http.tokens import Token
from aichats.http.transport import DeadlineTransport
from aichats.validation import parse
from aichats.whop.errors import WHOP
from aichats.whop.models import AiChat, AiChatPage, CreateAiChat, ListAiChats, TitledPage, UpdateAiChat

DEFAULT_BASE_URL = "https://api.whop.com/api/v1"
DEFAULT_API_VERSION = "2026-07-08-1"
ACCOUNT_ID_SINCE = (2026, 9, 15, 0)
"""From this version on the company's field is ``current_account_id``, and chats have an ``agent_identifier``."""


class WhopClient:
    """AI chats with one credential.

    Args:
        token: a token, or a callable that gives one: called with ``None`` at first (and again when the token is 30 s
            old), and with the rejected token after a 401 or a 403. If another token comes back, the call is repeated
            once.
        api_version: sent as ``Api-Version-Date``, which outranks the version that the key itself is pinned to.
        timeout: seconds for one whole call, its retries and waits included.
        transport: for tests, or to share one connection pool between clients.
    """

    def __init__(
        self,
        token: Token,
        base_url: str = DEFAULT_BASE_URL,
        api_version: str = DEFAULT_API_VERSION,
        timeout: float = 20.0,
        transport: BaseTransport | None = None,
    ) -> None:
        self._account_naming = _version(api_version) >= ACCOUNT_ID_SINCE
        self._api_version = api_version
        self._http = HttpClient(
            provider=WHOP,
            base_url=base_url,
            token=token,
            timeout=timeout,
            transport=transport or DeadlineTransport(),
            headers={"api-version-date": api_version},
        )

    def create_ai_chat(self, chat: CreateAiChat, *, idempotency_key: str) -> AiChat:
        """Create a chat. Never repeated unless it surely took no effect.

        Raises:
            InputError: the key is not 1 to 255 visible ASCII characters; nothing was sent.
            OutcomeUnknownError: the chat may exist or not.
            ProtocolError: the chat exists, but the answer cannot be read; ``chat_id`` says which, if that much can be.
            ProviderError: refused or not reached; there is no chat.
        """
        if not re.fullmatch(r"[\x21-\x7e]{1,255}", idempotency_key):
            raise InputError([("idempotency_key", "must be 1 to 255 visible ASCII characters")])
        headers = {"idempotency-key": idempotency_key}
        return _chat(self._http.call("POST", "/ai_chats", body=self._wire(chat), headers=headers))

    def retrieve_ai_chat(self, chat_id: str) -> AiChat:
        """Get one chat.

        Raises:
            NotFoundError: there is no such chat, or the credential may not see it.
            ProviderError: any other failure.
        """
        return _chat(self._http.call("GET", _path(chat_id)))

    def update_ai_chat(self, chat_id: str, changes: UpdateAiChat) -> AiChat:
        """Change a chat: a field that is not set stays, one that is ``None`` is cleared. Safe to repeat.

        Raises:
            NotFoundError: there is no such chat, or the credential may not see it.
            ProviderError: any other failure.
        """
        return _chat(self._http.call("PATCH", _path(chat_id), body=self._wire(changes)))

    def delete_ai_chat(self, chat_id: str) -> None:
        """Delete a chat.

        Raises:
            ProviderError: the failure.
        """
        self._http.call("DELETE", _path(chat_id))

    def list_ai_chats(
        self, *, first: int | None = None, after: str | None = None, only_active_crons: bool | None = None
    ) -> Iterator[AiChat]:
        """All chats that the credential sees, page by page, ``first`` to a page. Whop promises no order.

        Raises:
            InputError: an argument is out of its bounds; raised, like all, when the first chat is asked for.
            ProviderError: a page could not be had, or the pages lead nowhere.
        """
        query = parse(ListAiChats, {"first": first, "after": after, "only_active_crons": only_active_crons})
        seen = {after}
        while True:
            page = self.list_page(query)
            yield from page.data
            if not page.page_info.has_next_page:
                return
            cursor = page.page_info.end_cursor
            if not cursor or cursor in seen:
                raise ProtocolError("the list says that there is more, and not where", provider=WHOP.name)
            seen.add(cursor)
            query = query.model_copy(update={"after": cursor})

    def list_page(self, query: ListAiChats) -> AiChatPage:
        """One page of the list.

        Raises:
            InputError: ``agent_identifier`` with an API version that does not know it.
            ProviderError: the failure.
        """
        check_agent_identifier(query.agent_identifier, self._api_version)
        given = query.model_dump(mode="json", exclude_none=True)
        params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
        return read(AiChatPage, self._http.call("GET", "/ai_chats", params=params))

    def list_titles(self, *, after: str | None, first: int) -> TitledPage:
        """One page of the list, read only as far as a chat's id and title go.

        Raises:
            ProviderError: the failure.
        """
        params = {"first": str(first)} | ({} if after is None else {"after": after})
        return read(TitledPage, self._http.call("GET", "/ai_chats", params=params))

    def _wire(self, request: CreateAiChat | UpdateAiChat) -> dict[str, Any]:
        """The request as the API version wants it: only what was set."""
        fields = request.model_dump(mode="json", exclude_unset=True)
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
    """Check that a version knows the field, where it is given.

    Raises:
        InputError: it does not; names ``field``.
    """
    if agent_identifier is not None and _version(api_version) < ACCOUNT_ID_SINCE:
        raise InputError([(field, "needs Whop's API version 2026-09-15 or later")])


def _chat(answer: Answer) -> AiChat:
    return read(AiChat, answer, chat_id=_chat_id(answer.content))


def _chat_id(content: bytes) -> str | None:
    found = re.search(rb'"id"\s*:\s*"(aich_[A-Za-z0-9_-]{1,100})"', content)
    return found.group(1).decode() if found else None


def _path(chat_id: str) -> str:
    return f"/ai_chats/{segment(chat_id, problem='is not the id of a chat (aich_...)')}"


def _version(api_version: str) -> tuple[int, ...]:
    """``2026-09-22-1`` as numbers that compare."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-\d+)?", api_version):
        raise InputError([("api_version", f"{api_version!r} is not of the form 2026-07-08 or 2026-07-08-1")])
    year, month, day, *number = (int(part) for part in api_version.split("-"))
    return year, month, day, *(number or [0])
