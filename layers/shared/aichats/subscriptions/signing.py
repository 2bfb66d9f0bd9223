"""The signatures of deliveries, by Standard Webhooks.

Signing secrets are not stored. Each is derived from the stack's signing key and the id of the subscription's key.
"""

import base64
import hashlib
import hmac
import secrets
import string
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from standardwebhooks import Webhook

from aichats.aws.secret_values import parse_secret, read_key
from aichats.aws.secrets import SecretKind
from aichats.records import Field, Record

SIGNING_KEY_CHARACTERS = 64


class EventsSecret(Record):
    """The signing key of a stack."""

    signing_key = Field(read_key, hidden=True)


SIGNING_KEY = SecretKind(partial(parse_secret, EventsSecret))


def new_signing_key() -> str:
    """Return a random key, as CloudFormation generates the first one."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(SIGNING_KEY_CHARACTERS))


def signing_secret(master: str, name: str, key_id: str) -> str:
    """Return a signing secret of a subscription, in the form of Standard Webhooks.

    Args:
        master: the stack's signing key.
        name: the name of the subscription.
        key_id: the id of the subscription's key.
    """
    digest = hmac.digest(master.encode(), f"aichats subscription\n{name}\n{key_id}".encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(digest).decode()}"


def sign_delivery(signing_secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``: one signature for each secret.

    Args:
        signing_secrets: the valid signing secrets. During a rotation there are two.
        webhook_id: the header ``webhook-id``.
        timestamp: the header ``webhook-timestamp``, in Unix seconds.
        body: the body of the delivery, in UTF-8.
    """
    time, text = datetime.fromtimestamp(timestamp, UTC), body.decode()
    return " ".join(Webhook(secret).sign(webhook_id, time, text) for secret in signing_secrets)
