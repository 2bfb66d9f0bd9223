"""Create a chat for each target of a schedule's event with the official SDK and boto3, and keep a ledger with boto3.

The effects are those of `run_schedule`: it reads the pause of the stack, claims the run, records the chat, sets the
clean title, and finishes the run.
"""

import hashlib
import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from app import metric, whop

ledger = boto3.client("dynamodb")
TABLE = os.environ["RUNS_TABLE"]


@cache
def is_paused() -> bool:
    """Return whether the stack is paused, which is read once for a container, as `run_schedule` does."""
    return "Item" in ledger.get_item(TableName=TABLE, Key={"run_id": {"S": "pause"}}, ConsistentRead=True)


# In the init phase, as in `run_schedule`.
is_paused()


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Perform the event's action on each target."""
    if is_paused():
        return {"chats": []}
    return {"chats": [perform(event, target) for target in event["targets"]]}


def perform(event: dict[str, Any], target: str) -> str:
    """Claim a run, create its chat, store, log and count it. Return the ID of the chat."""
    occurrence = f"{event['automation']}-{event['scheduled_time']}-{target}"
    run_id = hashlib.sha256(occurrence.encode()).hexdigest()
    claim(run_id, event, target)
    title = event["action"]["title"]
    chat = whop().ai_chats.create(
        message_text=event["action"]["message_text"],
        title=f"{run_id[:10]} {title}",
        current_account_id=target,
        request_options={"additional_headers": {"Idempotency-Key": occurrence}},
    )
    change(run_id, "recorded", chat.id)
    whop().ai_chats.update(chat.id, title=title)
    change(run_id, "succeeded", chat.id)
    print(json.dumps({"level": "INFO", "message": "run succeeded", "run": occurrence, "chat_id": chat.id}))
    print(json.dumps(metric("RunsSucceeded")))
    chat_id: str = chat.id
    return chat_id


def claim(run_id: str, event: dict[str, Any], target: str) -> None:
    """Store a run, unless it is stored already."""
    item = {
        "run_id": {"S": run_id},
        "status": {"S": "performing"},
        "target": {"S": target},
        "automation": {"S": event["automation"]},
        "slot": {"S": event["scheduled_time"]},
        "action": {"S": json.dumps(event["action"])},
        "created_at": {"S": now()},
    }
    ledger.put_item(TableName=TABLE, Item=item, ConditionExpression="attribute_not_exists(run_id)")


def change(run_id: str, status: str, chat_id: str) -> None:
    """Store the state of a run that was claimed."""
    ledger.update_item(
        TableName=TABLE,
        Key={"run_id": {"S": run_id}},
        UpdateExpression="SET #status = :status, chat_id = :chat_id, updated_at = :now",
        ConditionExpression="#status = :performing OR #status = :recorded",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={
            ":status": {"S": status},
            ":chat_id": {"S": chat_id},
            ":now": {"S": now()},
            ":performing": {"S": "performing"},
            ":recorded": {"S": "recorded"},
        },
    )


def now() -> str:
    """Return the current time as text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
