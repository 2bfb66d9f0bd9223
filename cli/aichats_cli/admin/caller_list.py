"""The list of the API clients of a deployed stack, with the last use of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aichats.api.callers import Caller, StoredCaller
from aichats.api.last_use import last_use_key
from aichats.aws.clients import converting
from aichats.aws.errors import AwsError, aws_message
from aichats.aws.table import Table
from aichats.records import RecordError
from aichats.runs.ledger.times import from_text
from aichats_cli.admin.deployed import DeployedError
from aichats_cli.admin.token_times import time_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.session import Session

type Row = dict[str, Any]

MALFORMED = "(malformed; revoke it and create it again)"


def show_callers(session: Session, stack: DeployedStack) -> None:
    """Show the callers. If their last uses can't be read, print the reason.

    Raises:
        DeployedError: the secret can't be read.
    """
    callers, now = stack.secret("callers").read(), session.system.now()
    if not callers:
        session.note(f"no callers yet. To create one, type: {stack.command('callers add NAME --scopes …')}")
    rows = [_row(name, _stored(callers[name]), now) for name in sorted(callers)]
    is_known = _add_last_uses(session, stack, callers, rows)
    session.output.items(
        rows,
        {
            "name": lambda row: row["name"],
            "scopes": lambda row: MALFORMED if row["malformed"] else " ".join(row["scopes"]),
            "companies": _companies,
            "expires": lambda row: _expires(row, now),
            "last used": lambda row: (
                "" if row["malformed"] else row["last_used_at"] or ("never" if is_known else "unknown")
            ),
        },
    )


def _stored(value: Any) -> StoredCaller | None:
    """Return a caller; ``None`` if it is malformed, so that the API rejects it."""
    try:
        return StoredCaller.of(value)
    except RecordError:
        return None


def _row(name: str, caller: StoredCaller | None, now: datetime) -> Row:
    if caller is None:
        unknown = dict.fromkeys(("scopes", "companies", "expires_at", "old_token_expires_at", "last_used_at"))
        return {"name": name, "malformed": True, **unknown}
    old = caller.previous.expires_at if caller.previous and caller.previous.expires_at > now else None
    return {
        "name": name,
        "malformed": False,
        "scopes": sorted(caller.scopes),
        "companies": None if caller.companies is None else sorted(caller.companies),
        "expires_at": None if caller.expires_at is None else time_text(caller.expires_at),
        "old_token_expires_at": None if old is None else time_text(old),
        "last_used_at": None,
    }


def _companies(row: Mapping[str, Any]) -> str:
    if row["malformed"]:
        return ""
    return "all" if row["companies"] is None else " ".join(row["companies"]) or "none"


def _expires(row: Mapping[str, Any], now: datetime) -> str:
    if row["malformed"]:
        return ""
    expires = row["expires_at"] or "never"
    if row["expires_at"] and row["expires_at"] <= time_text(now):
        expires += " (expired)"
    if row["old_token_expires_at"]:
        expires += f" (old token: {row['old_token_expires_at']})"
    return expires


def _add_last_uses(session: Session, stack: DeployedStack, callers: Mapping[str, Any], rows: Sequence[Row]) -> bool:
    """Add the time of each last use. If they can't be read, print the reason and return ``False``."""
    readable = {name: caller for name in callers if (caller := _stored(callers[name])) is not None}
    keys = {
        name: last_use_key(Caller(name, caller.scopes, caller.lineage).identity) for name, caller in readable.items()
    }
    if not keys:
        return True
    try:
        table = Table(converting(stack.aws.client("dynamodb")), stack.outputs("RunsTable")["RunsTable"])
        uses = {item["run_id"]: time_text(from_text(item["used_at"])) for item in table.get_all(list(keys.values()))}
    except (DeployedError, AwsError) as error:
        session.note(f"the last uses can't be read: {aws_message(error)}")
        return False
    for row in rows:
        row["last_used_at"] = uses.get(keys.get(row["name"], ""))
    return True
