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
    unique = hashlib.sha256(json.dumps(list(use)).encode()).hexdigest()
    digest = hashlib.sha256(body.encode()).hexdigest()
    ttl = int((ledger.clock() + KEEP_ENDED).timestamp())
    try:
        ledger.items.put({"run_id": f"key:{unique}", "body": digest, "ttl": ttl})
    except ConditionFailedError as error:
        return bool(error.current_item.get("body") == digest)
    return True
