"""The AWS services that functions call by AWS's JSON protocols, and the operations of each that they use.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIXES = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
"""The domain of the regions of a partition, by the beginning of their names. Other regions have ``amazonaws.com``."""


class Service:
    """One service.

    Attributes:
        name: its name in signatures and URLs.
        variable: its name in variables such as ``AWS_ENDPOINT_URL_DYNAMODB``.
        target: the beginning of ``X-Amz-Target``.
        version: the version of the JSON protocol.
        operations: the methods of the operations that functions use.
        tokenized: the operation whose ``ClientRequestToken`` is new for each call if the call does not set it. So a
            repetition after a lost response is not performed again.
        attempts: the maximum number of attempts.
        first_pause: the longest pause in seconds after the first attempt.
        query_mode: whether errors have the codes of the older query protocol.
    """

    attempts = 3
    first_pause = 0.05
    tokenized = ""
    query_mode = False

    def __init__(self, name: str, variable: str, target: str, version: str, operations: str) -> None:
        self.name = name
        self.variable = variable
        self.target = target
        self.version = version
        self.operations = frozenset(operations.split())

    def url(self, region: str, environment: Mapping[str, str]) -> str:
        """Return the URL of the service in a region, with a ``/`` at the end. The environment may name another one."""
        own = ""
        if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
            own = environment.get(f"AWS_ENDPOINT_URL_{self.variable}") or environment.get("AWS_ENDPOINT_URL", "")
        if not own:
            own = f"https://{self.name}.{region}.{SUFFIXES.get(region.partition('-')[0], 'amazonaws.com')}"
        return own.rstrip("/") + "/"


def _services() -> dict[str, Service]:
    dynamodb = Service(
        "dynamodb",
        "DYNAMODB",
        "DynamoDB_20120810",
        "1.0",
        "batch_get_item delete_item get_item put_item query scan transact_write_items update_item",
    )
    dynamodb.tokenized = "transact_write_items"
    dynamodb.attempts = 4
    dynamodb.first_pause = 0.025
    secrets = Service(
        "secretsmanager",
        "SECRETS_MANAGER",
        "secretsmanager",
        "1.1",
        "get_secret_value list_secrets put_secret_value update_secret_version_stage",
    )
    secrets.tokenized = "put_secret_value"
    sqs = Service("sqs", "SQS", "AmazonSQS", "1.0", "send_message_batch")
    sqs.query_mode = True
    events = Service("events", "EVENTBRIDGE", "AWSEvents", "1.1", "put_events")
    return {service.name: service for service in (dynamodb, events, secrets, sqs)}


SERVICES = _services()
"""The services by their names in botocore."""
