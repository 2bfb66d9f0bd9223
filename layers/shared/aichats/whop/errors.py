"""Whop's rejections as errors, and the style of calls to Whop.

The body of a rejection is ``{"error": {"type", "message", "code", "param"}}``. It may also be ``{"error": null}``, have
no ``type``, or be the text of a proxy.
"""

from http import HTTPStatus

from aichats.errors import APIStatusError
from aichats.http import Headers
from aichats.http.bodies import json_object
from aichats.http.client import HttpStyle
from aichats.http.masking import Mask
from aichats.http.rejections import NOTHING_TO_HIDE, rejection

_FIELD_NAMES = {
    "current_company_id": "company_id",
    "current_account_id": "company_id",
    "message_attachments": "attachments",
}

_HINTS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the API key in the secret, because it may have been revoked; "
    "if this is the token of a connection, aichats renews it automatically",
    HTTPStatus.GONE: "Whop has retired this endpoint; upgrade aichats",
}

_SCOPES = {"POST": "ai_chat:create", "PATCH": "ai_chat:update", "DELETE": "ai_chat:delete"}
"""The scope that a method on ``/ai_chats`` needs. To list and to read chats needs no scope."""
_NO_CHAT_SCOPE = (
    "this credential may lack {scope}, and Whop may not give {scope} to API keys. "
    "Connect a Whop account: aichats admin connect --stack … --client-id app_… (see docs/how-to/connect-whop.md)"
)
_NO_WEBHOOK_SCOPE = (
    "this credential lacks developer:manage_webhook. Give this permission to the API key in Whop's dashboard, "
    "or store a key that has it: aichats admin secret set whop --stack …"
)
_NO_FILE_SCOPE = "this credential may not use Whop's files. Check its permissions in Whop's dashboard"
_NOT_VISIBLE = "this credential may not read this. Check that it belongs to the right user or company"


def whop_error(
    status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE, operation: str = ""
) -> APIStatusError:
    """Return a response of 300 or above as an error. The hint after a 403 names the scope that the operation needs."""
    envelope = json_object(content).get("error")
    error = envelope if isinstance(envelope, dict) else {}
    fields = {"code": error.get("code"), "error_type": error.get("type"), "param": _field_name(error.get("param"))}
    hint = _hint(status, mask.text(error.get("message")) or "", operation)
    return rejection("whop", status, headers, mask, {"message": error.get("message"), **fields}, hint=hint)


def _field_name(param: object) -> object:
    """Return the name of a field in aichats for Whop's name."""
    return _FIELD_NAMES.get(param, param) if isinstance(param, str) else param


def _hint(status: int, message: str, operation: str) -> str:
    if "Unknown Api-Version-Date" in message:
        return "set the parameter WhopApiVersion to a version that Whop knows"
    return _hint_of_forbidden(operation) if status == HTTPStatus.FORBIDDEN else _HINTS.get(status, "")


def _hint_of_forbidden(operation: str) -> str:
    method, _, path = operation.partition(" ")
    if "/webhooks" in path:
        return _NO_WEBHOOK_SCOPE
    if "/files" in path:
        return _NO_FILE_SCOPE
    return _NO_CHAT_SCOPE.format(scope=_SCOPES[method]) if method in _SCOPES else _NOT_VISIBLE


WHOP_STYLE = HttpStyle(name="whop", authorization=lambda token: {"authorization": f"Bearer {token}"}, error=whop_error)
