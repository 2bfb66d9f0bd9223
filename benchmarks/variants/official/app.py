"""Create a chat for each target of a schedule's event, with the official SDK and boto3 instead of the layer."""

import json
import os
import time
from functools import cache
from typing import Any

import boto3
from whop_sdk import Whop, WhopEnvironment

secrets = boto3.client("secretsmanager")


@cache
def whop() -> Whop:
    """Return the client, which is created once for a container."""
    base_url = os.environ["WHOP_BASE_URL"]
    secret = json.loads(secrets.get_secret_value(SecretId=os.environ["WHOP_SECRET"])["SecretString"])
    return Whop(token=secret["api_key"], environment=WhopEnvironment(api=base_url, vault=base_url), timeout=20)


# In the init phase, which has a whole CPU at any memory size. `run_schedule` reads its secret there, too.
whop()


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Perform the event's action on each target."""
    return {"chats": [create_chat(event, target) for target in event["targets"]]}


def create_chat(event: dict[str, Any], target: str) -> str:
    """Create one chat, log it and count it. Return its ID."""
    occurrence = f"{event['automation']}-{event['scheduled_time']}-{target}"
    chat = whop().ai_chats.create(
        message_text=event["action"]["message_text"],
        title=event["action"]["title"],
        current_account_id=target,
        request_options={"additional_headers": {"Idempotency-Key": occurrence}},
    )
    print(json.dumps({"level": "INFO", "message": "run succeeded", "run": occurrence, "chat_id": chat.id}))
    print(json.dumps(metric("RunsSucceeded")))
    chat_id: str = chat.id
    return chat_id


def metric(name: str) -> dict[str, Any]:
    """Return a count of one for ``name``, in CloudWatch's embedded metric format."""
    definition = {"Namespace": "aichats", "Dimensions": [[]], "Metrics": [{"Name": name, "Unit": "Count"}]}
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [definition]}, name: 1}
