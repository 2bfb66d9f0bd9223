"""How Whop's actions are performed.

A chat is created under a title with a mark (:mod:`aichats.runs.marks`), by which it is found again; then one call gives
it its own title and its notification preference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from aichats.runs.actions import WhopCreateChat, WhopUpdateChat
from aichats.runs.effects import Done, Effect, created
from aichats.runs.marks import find_marked, marked_title
from aichats.runs.model import Run
from aichats.runs.rows import Json, Row
from aichats.whop import AiChat, CreateAiChat, UpdateAiChat, WhopClient

PAGE_SIZE = 100

type WhopFor = Callable[[str | None, str], WhopClient]
"""Gives the client for a company (or ``None``) and an API version."""


@dataclass(frozen=True)
class WhopActions:
    """Creates and changes AI chats.

    Args:
        mark_titles: whether a title carries the run's mark until its chat is known (parameter ``TitleMark``).
    """

    client_for: WhopFor
    call_limit: timedelta
    settle: timedelta
    mark_titles: bool = True

    def per_second(self, _run: Run) -> float:
        """A create and a change each, under Whop's 600 a minute for either."""
        return 8.0

    def effect(self, row: Row) -> Effect | None:
        """To create the chat; a change has no effect that must not happen twice."""
        action = row.run.action
        if not isinstance(action, WhopCreateChat) or row.chat_id is not None:
            return None
        client = self._client(row, row.run.target)
        return Effect(
            act=partial(created, partial(self._create, row, action, client)),
            limit=self.call_limit,
            find=partial(self._find, row, client) if self.mark_titles else None,
        )

    def complete(self, row: Row) -> Done:
        """Make the chat what the action wants it to be."""
        action = row.run.action
        if isinstance(action, WhopUpdateChat):
            changes = UpdateAiChat.model_construct(**action.model_dump(exclude_unset=True, exclude={"type"}))
            return _done(self._client(row, action.company_id).update_ai_chat(str(row.run.target), changes))
        client, chat_id, clean = self._client(row, row.run.target), str(row.chat_id), self._clean(action)
        return _done(client.update_ai_chat(chat_id, clean) if clean else client.retrieve_ai_chat(chat_id))

    def _client(self, row: Row, company_id: str | None) -> WhopClient:
        return self.client_for(company_id, str(row.run.api_version))

    def _create(self, row: Row, action: WhopCreateChat, client: WhopClient) -> Done:
        fields = action.model_dump(exclude_unset=True, exclude={"type", "notification_preference"})
        if self.mark_titles:
            fields["title"] = marked_title(action, row.run.run_id)
        if row.run.target is not None:
            fields["company_id"] = row.run.target
        # Built, not validated again: the limits were checked where the action came in.
        chat = CreateAiChat.model_construct(**fields)
        return _done(client.create_ai_chat(chat, idempotency_key=row.idempotency_key))

    def _find(self, row: Row, client: WhopClient, _seen: Json) -> list[Done]:
        return [Done(chat_id) for chat_id in find_marked(client.list_ai_chats(first=PAGE_SIZE), row.run.run_id)]

    def _clean(self, action: Any) -> UpdateAiChat | None:
        """What gives the chat its own title and its notification preference, in one call; ``None`` for nothing."""
        changes: dict[str, Any] = {"title": action.title} if self.mark_titles else {}
        if action.notification_preference is not None:
            changes["notification_preference"] = action.notification_preference
        return UpdateAiChat.model_construct(**changes) if changes else None


def _done(chat: AiChat) -> Done:
    return Done(chat.id, {"chat": chat.model_dump(mode="json")})
