"""Uses Whop's official client, whichever of its generations is installed, on the server at the address it is given.

Run by the interpreter of an environment that has ``whop_sdk``: ``python official_client.py http://127.0.0.1:8001/api/v1``.
Prints what it saw, as JSON.
"""

import importlib
import json
import sys
from typing import Any

CHATS = 5
PAGE_SIZE = 2


def client_of(base_url: str) -> tuple[Any, str]:
    """Return the client, and its name for the company."""
    sdk: Any = importlib.import_module("whop_sdk")
    if hasattr(sdk, "WhopEnvironment"):
        environment = sdk.WhopEnvironment(api=base_url, vault=base_url)
        return sdk.Whop(environment=environment, token="a-token", max_retries=0), "current_account_id"
    return sdk.Whop(base_url=base_url, api_key="a-token", max_retries=0), "current_company_id"


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
    json.dump(use(*client_of(sys.argv[1])), sys.stdout)
