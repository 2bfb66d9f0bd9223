"""The receivers of the page about receiving events, and deliveries for them: genuine and forged ones."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

from aichats.subscriptions.signing import sign_delivery, signing_secret
from tests.support.markdown import DOCS

SECRET, OTHER = (signing_secret("key-of-stack", "alerts", key) for key in ("1", "2"))
EVENT = {"id": "evt_1", "type": "run.failed", "data": {"automation": "Zoë"}}
BODY = json.dumps(EVENT, ensure_ascii=False).encode()

type Headers = dict[str, str]
type Delivery = tuple[bytes, Headers, Any]
"""A body, its headers, and the event that the receiver must return; ``None`` for a forged delivery."""


def code_of(language: str) -> str:
    """Return the only block of a language on the page."""
    page = (DOCS / "how-to" / "receive-events.md").read_text()
    [block] = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(block)


def _headers(*secrets: str, age: int = 0) -> Headers:
    timestamp = int(time.time()) - age
    signature = sign_delivery(secrets, "evt_1", timestamp, BODY)
    return {"webhook-id": "evt_1", "webhook-timestamp": str(timestamp), "webhook-signature": signature}


DELIVERIES: dict[str, Callable[[], Delivery]] = {
    "genuine": lambda: (BODY, _headers(SECRET), EVENT),
    "signed with two secrets, the old one last": lambda: (BODY, _headers(OTHER, SECRET), EVENT),
    "signed with another secret": lambda: (BODY, _headers(OTHER), None),
    "with another body": lambda: (BODY + b" ", _headers(SECRET), None),
    "with another id": lambda: (BODY, _headers(SECRET) | {"webhook-id": "evt_2"}, None),
    "too old": lambda: (BODY, _headers(SECRET, age=600), None),
    "too new": lambda: (BODY, _headers(SECRET, age=-600), None),
    "without a time": lambda: (BODY, {**_headers(SECRET), "webhook-timestamp": ""}, None),
    "without a signature": lambda: (BODY, {**_headers(SECRET), "webhook-signature": ""}, None),
    "with a short signature": lambda: (BODY, {**_headers(SECRET), "webhook-signature": "v1,QUJD"}, None),
}
"""Deliveries by what is special about them."""


def delivery(name: str) -> Delivery:
    """Return a delivery that is signed now."""
    return DELIVERIES[name]()
