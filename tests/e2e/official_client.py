"""Uses Whop's official client, whichever of its generations is installed, on the server at the address it is given.

Run by the interpreter of an environment that has ``whop_sdk``: ``python official_client.py http://127.0.0.1:8001/api/v1``.
With ``webhooks`` as second argument it manages webhooks, with ``files`` it uploads and attaches a file, otherwise it
manages chats.
Prints what it saw, as JSON.
"""

import importlib
import json
import os
import sys
from typing import Any

TOKEN = os.environ.get("WHOP_TOKEN", "a-token")
"""A user's OAuth token, or by default an API key."""
CHATS = 5
PAGE_SIZE = 2


def client_of(base_url: str) -> tuple[Any, str]:
    """Return the client, and its name for the company."""
    sdk: Any = importlib.import_module("whop_sdk")
    if hasattr(sdk, "WhopEnvironment"):
        environment = sdk.WhopEnvironment(api=base_url, vault=base_url)
        return sdk.Whop(environment=environment, token=TOKEN, max_retries=0), "current_account_id"
    return sdk.Whop(base_url=base_url, api_key=TOKEN, max_retries=0), "current_company_id"


def newest_client_of(base_url: str) -> Any:
    """Return the client with the version that has webhooks and files."""
    sdk: Any = importlib.import_module("whop_sdk")
    environment = sdk.WhopEnvironment(api=base_url, vault=base_url)
    return sdk.Whop(api_version_date="2026-10-15-1", environment=environment, token=TOKEN, max_retries=0)


def use_webhooks(client: Any) -> dict[str, Any]:
    """Create, list, retrieve, update, test, replay, list the deliveries, delete."""
    url, events = "http://127.0.0.1:9/webhooks/whop", ["payment.failed"]
    created = [client.webhooks.create(url=url, events=events) for _ in range(PAGE_SIZE + 1)]
    listed = [webhook.id for webhook in client.webhooks.list(first=PAGE_SIZE)]
    webhook = created[0]
    retrieved = client.webhooks.retrieve(webhook.id)
    updated = client.webhooks.update(webhook.id, events=["payment.created"], enabled=True)
    tested = client.webhooks.test(webhook.id, event="payment.created")
    replayed = client.webhooks.replay(webhook.id, sent_after="2026-01-01T00:00:00Z")
    deliveries = list(client.webhooks.list_deliveries(webhook.id))
    deleted = client.webhooks.delete(created[-1].id)
    return {
        "created": [webhook.id for webhook in created],
        "secrets": [webhook.webhook_secret is not None, retrieved.webhook_secret is not None],
        "listed": listed,
        "updated": updated.events,
        "tested": [tested.success, tested.status],
        "replayed": replayed.queued,
        "deliveries": [[delivery.event, delivery.success] for delivery in deliveries],
        "deleted": [deleted.id, deleted.deleted],
    }


def use_files(client: Any) -> dict[str, Any]:
    """Create a file, send its content as its URL requires, retrieve it, and attach it to a chat."""
    content = b"%PDF-1.7 report"
    file = client.files.create(filename="report.pdf", byte_size=len(content))
    http: Any = importlib.import_module("httpx")
    uploaded = http.put(file.upload_url, content=content, headers=file.upload_headers, trust_env=False).status_code
    ready = client.files.retrieve(file.id)
    chat = client.ai_chats.create(message_text="Read the report.", message_attachments=[{"id": file.id}])
    return {
        "states": [file.upload_status, ready.upload_status],
        "uploaded": uploaded,
        "ready": [ready.id, ready.filename, ready.content_type, ready.size, ready.upload_url],
        "chat": chat.id,
    }


def use(client: Any, company: str) -> dict[str, Any]:
    """Create, list, retrieve, update, clear a title, delete."""
    created = [
        client.ai_chats.create(message_text=f"message {number}", title=f"Chat {number}", **{company: "biz_A"})
        for number in range(CHATS)
    ]
    listed = [chat.id for chat in client.ai_chats.list(first=PAGE_SIZE)]
    chat = created[0]
    retrieved = client.ai_chats.retrieve(chat.id)
    muted = client.ai_chats.update(chat.id, notification_preference="none", **{company: "biz_B"})
    untitled = client.ai_chats.update(chat.id, title=None)
    deleted = client.ai_chats.delete(created[-1].id)
    return {
        "created": [chat.id for chat in created],
        "listed": listed,
        "retrieved": [retrieved.id, retrieved.title, retrieved.created_at.isoformat(timespec="milliseconds")],
        "muted": [muted.title, muted.notification_preference],
        "untitled": [untitled.title, untitled.notification_preference],
        "deleted": deleted,
    }


if __name__ == "__main__":
    address, *subject = sys.argv[1:]
    match subject:
        case ["webhooks"]:
            seen = use_webhooks(newest_client_of(address))
        case ["files"]:
            seen = use_files(newest_client_of(address))
        case _:
            seen = use(*client_of(address))
    json.dump(seen, sys.stdout)
