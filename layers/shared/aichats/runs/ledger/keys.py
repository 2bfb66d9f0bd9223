"""Idempotency keys: each use of a key is bound to the body of its first request."""

import hashlib
import json
from collections.abc import Sequence

from aichats.aws.writes import ConditionFailedError
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import KEEP_ENDED


def reserve(ledger: Ledger, use: Sequence[str], body: str) -> bool:
    """Bind the use of a key to a body, unless it is bound already. Return whether it is bound to this body.

    ``use`` identifies the use: the API client, the operation and the key.
    """
    digest = hashlib.sha256(body.encode()).hexdigest()
    ttl = int((ledger.clock() + KEEP_ENDED).timestamp())
    try:
        ledger.items.put({"run_id": _key(use), "body": digest, "ttl": ttl})
    except ConditionFailedError as error:
        return bool(error.current_item.get("body") == digest)
    return True


def is_reserved(ledger: Ledger, use: Sequence[str]) -> bool:
    """Return whether the use of a key is bound to a body."""
    return ledger.items.get(_key(use)) is not None


def _key(use: Sequence[str]) -> str:
    return f"key:{hashlib.sha256(json.dumps(list(use)).encode()).hexdigest()}"
