"""The automations of a stack, as a plan compares them with files."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aichats_cli.api import Api, ApiError
from aichats_cli.code.folder import without_null_manager

if TYPE_CHECKING:
    from aichats_cli.models import AutomationView, StoredAutomation


@dataclass(frozen=True)
class WrittenAutomation:
    """An automation as it was sent with PUT, and its version."""

    name: str
    etag: str
    fields: dict[str, Any]

    @property
    def managed_by(self) -> str | None:
        """The folder or the system that manages it."""
        return self.fields.get("managed_by")


def list_written(api: Api) -> dict[str, WrittenAutomation]:
    """Return all automations of a stack by name."""
    found: dict[str, WrittenAutomation] = {}
    for item in api.pages("/automations", view="input"):
        fields = without_null_manager({key: value for key, value in item.items() if key not in {"name", "etag"}})
        found[item["name"]] = WrittenAutomation(item["name"], item["etag"], fields)
    return found


def get_automation(api: Api, name: str) -> AutomationView | None:
    """Return an automation with all its fields; ``None`` if it doesn't exist."""
    try:
        view: AutomationView = api.get(f"/automations/{name}")
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return view


def put_automation(
    api: Api, name: str, body: dict[str, Any], etag: str | None, *, dry_run: bool = False
) -> StoredAutomation:
    """Replace an automation that has this version, or create it if the version is ``None``.

    Raises:
        ApiError: the API rejected it. The status is 412 if it has another version, or exists already.
    """
    query = {"dry_run": True} if dry_run else None
    stored: StoredAutomation = api.call("PUT", f"/automations/{name}", body, query=query, headers=condition(etag)).body
    return stored


def delete_automation(api: Api, name: str, etag: str) -> None:
    """Delete an automation that has this version.

    Raises:
        ApiError: the API rejected it. The status is 412 if it has another version.
    """
    api.call("DELETE", f"/automations/{name}", headers=condition(etag))


def condition(etag: str | None) -> dict[str, str]:
    """Return the header for a request that needs this version, or that needs a new name if it is ``None``."""
    return {"If-None-Match": "*"} if etag is None else {"If-Match": etag}
