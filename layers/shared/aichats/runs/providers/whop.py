"""Whop as a provider: performs Whop's actions.

aichats creates a chat with a title that begins with a mark (:mod:`~aichats.runs.providers.marks`). It finds the chat
again by this mark (:mod:`~aichats.runs.providers.lookups`). A second call then sets the chat's own title and
notification preference. If two runs change the same field, the newest change wins
(:mod:`aichats.runs.ledger.changes`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from aichats.errors import AuthenticationError, NotFoundError, ProtocolError, SecretError
from aichats.frozen import frozen
from aichats.http import BaseTransport
from aichats.json_types import Json
from aichats.runs.action import Action
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.providers.marks import MARK_CHARACTERS
from aichats.runs.providers.port import (
    Created,
    Effect,
    NotYetError,
    SupersededError,
    accept_unreadable_answer,
    stored_answer,
)
from aichats.whop.chats import PageOfTitles, WhopChat
from aichats.whop.client import WhopClient, check_agent_identifier
from aichats.whop.credentials import Credential, Credentials, credential_named
from aichats.whop.settings import WhopSettings

if TYPE_CHECKING:
    from aichats.runs.ledger.changes import Changes
    from aichats.runs.providers.attachments import FetchFile
    from aichats.runs.providers.lookups import Walks
    from aichats.whop.webhook_registration import WebhooksClient

_CREATE = "whop.create_chat"
PAGE_SIZE = 100
OF_AICHATS = ("notification_preference", "attachments", "await_reply")
"""The fields of a create that aichats doesn't send as they are."""
BASELINE = ("message_count", "last_message_at", "blended_token_usage")
"""The fields of a new chat that grow when the agent replies (:mod:`aichats.runs.reply_watch`)."""


@frozen
class WhopProvider:
    """Creates and changes AI chats in Whop.

    Args:
        credentials: the API keys and the connections.
        ledger: the ledger, with the runs, the walks and the latest changes.
        fetch: fetches attachments that are not at Whop yet.
    """

    settings: WhopSettings
    credentials: Credentials
    transport: BaseTransport
    ledger: Ledger
    fetch: FetchFile
    _clients: dict[tuple[str, str], WhopClient] = field(default_factory=dict)
    name: ClassVar[str] = "whop"

    def client(self, company_id: str | None = None, api_version: str = "") -> WhopClient:
        """Return the client with a company's credential. The default for the API version is the configured version.

        Raises:
            SecretError: the secret can't be used.
        """
        return self.client_with(self.credentials.of_company(company_id), api_version)

    @contextmanager
    def calls(self, company_id: str | None = None, api_version: str = "") -> Iterator[WhopClient]:
        """Yield the client with a company's credential, for calls that are no part of performing a run.

        If Whop rejects the credential as invalid (401), the renewal of a connection is requested.

        Raises:
            SecretError: the secret can't be used.
        """
        credential = self.credentials.of_company(company_id)
        try:
            yield self.client_with(credential, api_version)
        except AuthenticationError:
            self.credentials.may_recover(credential)
            raise

    def webhooks(self) -> Iterator[tuple[WebhooksClient, str | None]]:
        """Yield the calls about webhooks with each API key, and the company of the key; ``None`` for all companies.

        Users' tokens are left out, because aichats doesn't ask users for ``developer:manage_webhook``.

        Raises:
            SecretError: the secret can't be read.
        """
        for credential in self.credentials.api_keys():
            yield self.client_with(credential).webhooks, credential.company_id

    def client_with(self, credential: Credential, api_version: str = "") -> WhopClient:
        """Return the client with a credential. All clients share one connection pool."""
        key = (credential.name, api_version or self.settings.whop_api_version)
        if key not in self._clients:
            self._clients[key] = WhopClient(
                token=self.credentials.token(credential),
                base_url=self.settings.whop_base_url,
                api_version=key[1],
                timeout=self.settings.whop_timeout_seconds,
                transport=self.transport,
            )
        return self._clients[key]

    def credential(self, row: Row) -> str:
        """Return the name of the credential of the run's calls.

        Raises:
            SecretError: the credential can't be used.
        """
        return self.credentials.of_company(_company_of(row)).name

    @property
    def call_limit(self) -> timedelta:
        """The maximum duration of a call."""
        return timedelta(seconds=self.settings.whop_timeout_seconds)

    @property
    def settle(self) -> timedelta:
        """The time after a lost response in which the chat may still appear."""
        return self.ledger.settle

    def api_version(self, _action: Action) -> str | None:
        """Return the configured version of Whop's API."""
        return self.settings.whop_api_version

    def check(self, action: Action, within: str = "action.") -> None:
        """Check that the configured version of Whop's API knows all fields of an action, and the bucket of attachments.

        Raises:
            InputError: the version does not know ``agent_identifier``, or an object is in another bucket.
        """
        version = self.settings.whop_api_version
        check_agent_identifier(action.fields.get("agent_identifier"), version, f"{within}agent_identifier")
        if _needs_fetching(action):
            from aichats.runs.providers.attachments import check_buckets

            check_buckets(self.settings.attachments_bucket, action.fields["attachments"], within)

    def may_recover(self, row: Row) -> bool:
        """Return whether Whop may accept the run's credential later. Ask for the renewal of a connection."""
        try:
            return self.credentials.may_recover(self.credentials.of_company(_company_of(row)))
        except SecretError:
            return True

    def per_second(self, _run: Run) -> float:
        """Return 8. A run may need one create and one change, and Whop allows 600 of each in a minute."""
        return 8.0

    def effect(self, row: Row) -> Effect | None:
        """Return the creation of the chat. Changes aren't effects, because they may be repeated."""
        action = row.run.action
        if action.type != _CREATE or row.chat_id is not None:
            return None
        if not _needs_fetching(action):
            files = action.fields.get("attachments")
            return self._creation(row, partial(self._create, row, action, files, self._client(row)))
        from aichats.runs.providers.attachments import attached_ids, next_step

        # The files belong to one credential. So it also creates the chat, even if the company has just got another one.
        credential = self.credential(row)
        client = self.client_with(credential_named(credential), str(row.run.api_version))
        attachments = action.fields["attachments"]
        step = next_step(row, attachments, credential, client, self.fetch)
        files = attached_ids(row, attachments, credential)
        return self._creation(row, partial(self._create, row, action, files, client), step)

    def _creation(self, row: Row, create: Callable[[], Created], step: Callable[[], Json] | None = None) -> Effect:
        return Effect(
            act=partial(accept_unreadable_answer, self.name, create),
            limit=self.call_limit,
            prepare=step,
            # A chat without a mark can't be found, even if the current setting is to mark titles.
            find=partial(self._find, row) if row.title is not None else None,
        )

    def complete(self, row: Row) -> Created:
        """Change the chat as the action says."""
        action = row.run.action
        if action.type != _CREATE:
            changes = dict(action.fields)
            chat_id = str(row.run.target)
            newest = self.changes.take(row, chat_id, changes)
            return self._change(self._client(row), chat_id, _only(changes, newest), {})
        changes, client, chat_id = _of_new_chat(row, action), self._client(row), str(row.chat_id)
        stored = {} if changes else dict(row.result)
        try:
            created = self._change(client, chat_id, self._not_superseded(row, changes), stored)
        except NotFoundError as error:
            if row.recorded_at is not None and self.ledger.clock() < row.recorded_at + self.settle:
                raise NotYetError(f"{error} (Whop may not show the new chat yet, so this run waits)") from error
            raise
        # The answer to a change is newer than the baseline, and may already have the agent's reply.
        baseline = {name: value for name, value in row.result.items() if name == "baseline"}
        return Created(chat_id, created.result | baseline)

    def chat_of(self, row: Row) -> WhopChat:
        """Return the chat of a run as it is now.

        Raises:
            AichatsError: the credential can't be used, or the call failed.
        """
        with self.calls(_company_of(row), str(row.run.api_version)) as client:
            return client.retrieve_ai_chat(str(row.chat_id))

    @cached_property
    def walks(self) -> Walks:
        """The walks through the lists of chats."""
        from aichats.runs.providers.lookups import Walks

        return Walks(self.ledger)

    @cached_property
    def changes(self) -> Changes:
        """The latest changes of chats."""
        from aichats.runs.ledger.changes import Changes

        return Changes(self.ledger)

    def _client(self, row: Row) -> WhopClient:
        return self.client(_company_of(row), str(row.run.api_version))

    def _create(self, row: Row, action: Action, files: Sequence[object] | None, client: WhopClient) -> Created:
        fields = {name: value for name, value in action.fields.items() if name not in OF_AICHATS}
        if "attachments" in action.fields:
            fields["attachments"] = files
        if row.title is not None:
            fields["title"] = row.title
        if row.run.target is not None:
            fields["company_id"] = row.run.target
        # Not validated again, because the limits were checked when aichats received the action.
        created = _created(client.create_ai_chat(fields, idempotency_key=row.idempotency_key))
        if action.fields.get("await_reply"):
            answer = created.result["chat"]
            created.result["baseline"] = {name: answer[name] for name in BASELINE}
        return created

    def _find(self, row: Row, _seen: Json) -> list[Created]:
        """Look for the run's chat with the credential of the call whose outcome is unknown."""
        from aichats.runs.providers.lookups import Driver

        # A replay needs a newer walk, because a person may have deleted the chat before the replay.
        since = max(row.opened_at, (row.unsettled_at or self.ledger.clock()) + self.settle)
        credential, mark = row.credential or self.credential(row), str(row.title)[:MARK_CHARACTERS]
        client = self.client_with(credential_named(credential), str(row.run.api_version))
        driver = Driver(row.lease_until or since, partial(_page, client), self.call_limit)
        ids = self.walks.find(credential, mark, since, driver)
        if "" in ids:
            raise ProtocolError("a chat has the run's mark, but its id can't be read", provider=self.name)
        return [Created(chat_id) for chat_id in ids]

    def _not_superseded(self, row: Row, changes: dict[str, Any]) -> dict[str, Any]:
        """Return the changes, without fields that a newer run has changed since an earlier attempt created the chat."""
        if not changes or row.recorded_at is None or row.recorded_at >= row.updated_at:
            return changes
        try:
            return _only(changes, self.changes.take(row, str(row.chat_id), changes))
        except SupersededError:
            return {}

    def _change(self, client: WhopClient, chat_id: str, changes: dict[str, Any], stored: dict[str, Any]) -> Created:
        """Change a chat, or retrieve it if there is no change. Succeed even if the answer can't be read."""
        if not changes and "chat" in stored:
            return Created(chat_id, stored)
        try:
            chat = client.update_ai_chat(chat_id, changes) if changes else client.retrieve_ai_chat(chat_id)
        except ProtocolError:
            return Created(chat_id)
        return Created(chat_id, _created(chat).result)


def _needs_fetching(action: Action) -> bool:
    """Return whether an action attaches files that are not at Whop yet."""
    return any(not isinstance(attachment, str) for attachment in action.fields.get("attachments") or ())


def _company_of(row: Row) -> str | None:
    """Return the company whose credential a run needs."""
    action = row.run.action
    return row.run.target if action.type == _CREATE else action.fields.get("company_id")


def _of_new_chat(row: Row, action: Action) -> dict[str, Any]:
    """Return the changes to a new chat: the title if the chat was created with another one, and the preference."""
    # A row of an earlier version does not say whether its title has a mark.
    is_marked = row.title is not None or row.key_base is None
    changes: dict[str, Any] = {"title": action.title} if is_marked else {}
    if (preference := action.fields.get("notification_preference")) is not None:
        changes["notification_preference"] = preference
    return changes


def _only(changes: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name in fields}


def _page(client: WhopClient, cursor: str | None) -> PageOfTitles:
    return client.list_titles(after=cursor, first=PAGE_SIZE)


def _created(chat: WhopChat) -> Created:
    return Created(chat.id, {"chat": stored_answer(chat)})
