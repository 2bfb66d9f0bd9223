"""How Whop's actions are performed.

A chat is created under the title that its row keeps, with a mark (:mod:`~aichats.runs.providers.marks`) by which it is
found again (:mod:`~aichats.runs.providers.lookups`). Then one call sets its own title and its notification preference.
Of two changes of one field the newest wins (:mod:`aichats.runs.ledger.changes`).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from aichats.aws.table import Json
from aichats.errors import NotFoundError, ProtocolError
from aichats.runs.actions import WhopCreateChat, WhopUpdateChat
from aichats.runs.ledger.changes import Changes
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.providers.lookups import Driver, Walks
from aichats.runs.providers.marks import MARK_CHARACTERS
from aichats.runs.providers.port import Created, Effect, NotYetError, SupersededError, accept_unreadable_answer, kept
from aichats.whop import AiChat, CreateAiChat, UpdateAiChat, WhopClient
from aichats.whop.models import TitledPage

PAGE_SIZE = 100

type WhopFor = Callable[[str | None, str], WhopClient]
"""Gives the client for a company (or ``None``) and an API version."""


def one_credential(_company_id: str | None) -> str:
    """Name the credential of a company, if all companies share one."""
    return "default"


@dataclass(frozen=True)
class WhopProvider:
    """Creates and changes AI chats.

    Args:
        ledger: holds the runs, and what they share: walks and latest changes.
        credential_of: names the credential for a company (or ``None``); never a token.
    """

    client_for: WhopFor
    call_limit: timedelta
    ledger: Ledger
    credential_of: Callable[[str | None], str] = one_credential

    @property
    def settle(self) -> timedelta:
        """How long after a call of unknown outcome its effect may still appear."""
        return self.ledger.settle

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
            act=partial(accept_unreadable_answer, row.run.provider, partial(self._create, row, action, client)),
            limit=self.call_limit,
            # Without a mark there is nothing to find it by, whatever the setting is by now.
            find=partial(self._find, row, client) if row.title is not None else None,
        )

    def complete(self, row: Row) -> Created:
        """Make the chat what the action wants it to be."""
        action = row.run.action
        if isinstance(action, WhopUpdateChat):
            wanted = action.model_dump(exclude_unset=True, exclude={"type"})
            chat_id = str(row.run.target)
            left = self.changes.take(row, chat_id, wanted)
            return self._change(self._client(row, action.company_id), chat_id, _only(wanted, left), {})
        wanted, client, chat_id = _of_new_chat(row, action), self._client(row, row.run.target), str(row.chat_id)
        known = {} if wanted else dict(row.result)
        try:
            return self._change(client, chat_id, self._not_superseded(row, wanted), known)
        except NotFoundError as error:
            if row.recorded_at is not None and self.ledger.clock() < row.recorded_at + self.settle:
                raise NotYetError(f"{error} (it was created a moment ago, so this run waits)") from error
            raise

    @cached_property
    def walks(self) -> Walks:
        """What looks chats up."""
        return Walks(self.ledger)

    @cached_property
    def changes(self) -> Changes:
        """The latest changes of chats."""
        return Changes(self.ledger)

    def _client(self, row: Row, company_id: str | None) -> WhopClient:
        return self.client_for(company_id, str(row.run.api_version))

    def _create(self, row: Row, action: WhopCreateChat, client: WhopClient) -> Created:
        fields = action.model_dump(exclude_unset=True, exclude={"type", "notification_preference"})
        if row.title is not None:
            fields["title"] = row.title
        if row.run.target is not None:
            fields["company_id"] = row.run.target
        # Built, not validated again: the limits were checked where the action came in.
        chat = CreateAiChat.model_construct(**fields)
        return _done(client.create_ai_chat(chat, idempotency_key=row.idempotency_key))

    def _find(self, row: Row, client: WhopClient, _seen: Json) -> list[Created]:
        # A replay wants a new look: whoever asked for it may have deleted a chat.
        since = max(row.opened_at, (row.unsettled_at or self.ledger.clock()) + self.settle)
        driver = Driver(row.lease_until or since, partial(_page, client), self.call_limit)
        credential, mark = self.credential_of(row.run.target), str(row.title)[:MARK_CHARACTERS]
        ids = self.walks.find(credential, mark, since, driver)
        if "" in ids:
            raise ProtocolError("a chat carries the run's mark, but its id cannot be read", provider="whop")
        return [Created(chat_id) for chat_id in ids]

    def _not_superseded(self, row: Row, wanted: dict[str, Any]) -> dict[str, Any]:
        """Leave out what a newer run has changed since this one made the chat, in an earlier attempt."""
        if not wanted or row.recorded_at is None or row.recorded_at >= row.updated_at:
            return wanted
        try:
            return _only(wanted, self.changes.take(row, str(row.chat_id), wanted))
        except SupersededError:
            return {}

    def _change(self, client: WhopClient, chat_id: str, wanted: dict[str, Any], known: dict[str, Any]) -> Created:
        """Change a chat, or only get it if nothing is to be changed. It is done even if the answer cannot be read."""
        if not wanted and "chat" in known:
            return Created(chat_id, known)
        try:
            changes = UpdateAiChat.model_construct(**wanted)
            chat = client.update_ai_chat(chat_id, changes) if wanted else client.retrieve_ai_chat(chat_id)
        except ProtocolError:
            return Created(chat_id)
        return Created(chat_id, _done(chat).result)


def _of_new_chat(row: Row, action: Any) -> dict[str, Any]:
    """What gives a new chat its own title, if it was created under another, and its notification preference."""
    # A row of an earlier version does not say whether its title has a mark.
    is_marked = row.title is not None or row.key_base is None
    wanted: dict[str, Any] = {"title": action.title} if is_marked else {}
    if action.notification_preference is not None:
        wanted["notification_preference"] = action.notification_preference
    return wanted


def _only(wanted: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if name in fields}


def _page(client: WhopClient, cursor: str | None) -> TitledPage:
    return client.list_titles(after=cursor, first=PAGE_SIZE)


def _done(chat: AiChat) -> Created:
    return Created(chat.id, {"chat": kept(chat, AiChat)})
