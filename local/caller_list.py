"""The list of the API clients of a deployed stack (`make caller LIST=1`), with the last use of each."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from aichats.api.callers import Caller, StoredCaller
from aichats.api.last_use import last_use_key
from aichats.aws.errors import aws_message
from aichats.aws.table import Table
from aichats.runs.ledger.times import from_text
from local.deployed import DeployedError, outputs
from local.token_times import time_text

HEADING = ("name", "scopes", "companies", "expires", "last used")


def table_of(callers: Mapping[str, Any], stack: str, now: datetime) -> list[str]:
    """Return the lines of a table with the callers. If the last uses can't be read, print the reason."""
    if not callers:
        print("no callers yet", file=sys.stderr)
        return []
    readable = {name: caller for name in sorted(callers) if (caller := _stored(callers[name])) is not None}
    keys = {
        name: last_use_key(Caller(name, caller.scopes, caller.lineage).identity) for name, caller in readable.items()
    }
    uses = _last_uses(stack, list(keys.values()))
    rows = [HEADING]
    for name in sorted(callers):
        if name in readable:
            used = "unknown" if uses is None else uses.get(keys[name], "never")
            rows.append((name, *_described(readable[name], now), used))
        else:
            rows.append((name, "(malformed; revoke it and create it again)", "", "", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _stored(value: Any) -> StoredCaller | None:
    """Return a caller; ``None`` if it is malformed, so that the API rejects it."""
    try:
        return StoredCaller.model_validate(value)
    except ValidationError:
        return None


def _described(caller: StoredCaller, now: datetime) -> tuple[str, str, str]:
    companies = "all" if caller.companies is None else " ".join(sorted(caller.companies)) or "none"
    expires = "never" if caller.expires_at is None else time_text(caller.expires_at)
    if caller.expires_at is not None and caller.expires_at <= now:
        expires += " (expired)"
    if caller.previous is not None and caller.previous.expires_at > now:
        expires += f" (old token: {time_text(caller.previous.expires_at)})"
    return " ".join(sorted(caller.scopes)), companies, expires


def _last_uses(stack: str, keys: list[str]) -> dict[str, str] | None:
    """Return the time of each last use, by its key. If they can't be read, print the reason and return ``None``."""
    try:
        table = Table(boto3.client("dynamodb"), outputs(stack, "RunsTable")["RunsTable"])
        return {item["run_id"]: time_text(from_text(item["used_at"])) for item in table.get_all(keys)}
    except (DeployedError, ClientError, BotoCoreError) as error:
        print(f"caller: the last uses can't be read: {aws_message(error)}", file=sys.stderr)
        return None
