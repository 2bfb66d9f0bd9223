"""``POST /chats``: create an AI chat of Whop. Apart from ``chats``, because this call must start fast."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.run_answers import answer_of_run
from aichats.api.starting import body_fields, new_run, perform, reserve_key
from aichats.http.bodies import compact_json
from aichats.runs.action import Action, kind_of, quick_action
from aichats.whop.kinds import COMPANY_PATTERN

if TYPE_CHECKING:
    from aichats.api.chat_input import CreateChat
    from aichats.api.operation import Answers
    from aichats.bootstrap import Application
    from aichats.json_types import Json
    from aichats.runs.ledger.rows import Row
    from aichats.whop.models import AiChat


_TYPE = "whop.create_chat"


def _certainly_valid(body: Json, max_message_bytes: int) -> Json | None:
    """Return a body that is certainly valid; ``None`` if its model must decide."""
    fields = {name: value for name, value in body.items() if name != "company_id"}
    company = body.get("company_id")
    if "type" in body or not (company is None or _is_company(company)):
        return None
    return body if quick_action({"type": _TYPE, **fields}, max_message_bytes=max_message_bytes) else None


def _is_company(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(COMPANY_PATTERN, value) is not None


def _models() -> tuple[type[CreateChat], Answers]:
    from aichats.api.chat_input import CreateChat
    from aichats.api.run_view import RunView
    from aichats.whop.models import AiChat

    return CreateChat, {201: AiChat, 200: AiChat, 202: RunView}


@operation(
    "POST",
    "/chats",
    "Create a chat",
    scopes=("chats:write",),
    models=_models,
    quick_body=_certainly_valid,
    limited=True,
    conflicts=True,
    idempotent=True,
)
def create_chat(call: ApiCall[CreateChat | Json, None]) -> Reply:
    """Create a chat for a company, or without one. `notification_preference: none` creates a muted chat.

    Requests with the same `Idempotency-Key` start the same run, so they create one chat. If the chat isn't created
    within 25 seconds, or if the outcome isn't known yet, the answer is 202 and `Location` is the run to watch.

    With `await_reply`, aichats watches the new chat, and the run shows when the agent replied.
    """
    fields = body_fields(call)
    company = fields.get("company_id")
    call.limit.check_company(company)
    action = Action(_TYPE, {name: fields[name] for name in kind_of(_TYPE).fields if name in fields})
    call.limit.check_attachments(action, within="")
    call.app.check_action(action, within="")
    key = reserve_key(call, "POST /chats")
    run = new_run(call, "POST /chats", key, action, company)
    outcome = perform(call, key, run)

    def chat_of(row: Row) -> AiChat | str:
        if "chat" in row.result and outcome.performed:
            return _new_chat(row.result["chat"])
        return _stored_chat(call.app, row)

    return answer_of_run(call, outcome, chat_of, lambda row: f"/chats/{row.chat_id}")


def _new_chat(chat: Json) -> str:
    """Return a chat that this call has stored, as its model would write it.

    Only ``agent_identifier`` may be missing, if Whop left it out.
    """
    return compact_json({**chat, "agent_identifier": chat.get("agent_identifier")}).decode()


def _stored_chat(app: Application, row: Row) -> AiChat:
    """Return the chat of a run that an earlier version of the code may have performed, or a person resolved."""
    from aichats.whop.models import AiChat

    if "chat" in row.result:
        return AiChat.model_validate(row.result["chat"])
    # A person resolved the run, and the ledger has only the chat's id.
    from aichats.runs.providers.whop import WhopProvider

    with app.provider(WhopProvider).calls(row.run.target) as whop:
        return AiChat.model_validate(whop.retrieve_ai_chat(str(row.chat_id)).whole)
