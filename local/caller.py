"""Manage the API clients (callers) of a deployed stack (`make caller`). Only the hash of a token is stored."""

import argparse
import base64
import hashlib
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from pydantic import ValidationError

from aichats.api.callers import Scope, StoredCaller
from aichats.aws.secrets import REFRESH_AFTER_SECONDS
from aichats.runs.ledger.times import utc_now
from local.caller_list import table_of
from local.companies import is_company
from local.deployed import DeployedError, StackSecret
from local.signals import interruptible, uninterrupted
from local.token_times import read_expiry, read_grace, time_text

SCOPES: tuple[str, ...] = get_args(Scope.__value__)
CACHED = timedelta(seconds=REFRESH_AFTER_SECONDS)
"""The longest time that the API uses the secret's earlier value."""
UP_TO_5_MINUTES = "stays valid for up to 5 minutes"


def main(arguments: Sequence[str] | None = None, clock: Callable[[], datetime] = utc_now) -> int:
    """Create, list, rotate or revoke callers, or finish a rotation. Return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        secret = StackSecret.find(options.stack, "callers")
        match options.command:
            case "list":
                for line in table_of(secret.read(), options.stack, clock()):
                    print(line)
            case "revoke":
                _revoke(secret, options.name)
            case "rotate":
                _rotate(secret, options, clock())
            case "finish":
                _finish(secret, options.name)
            case _:
                _make(secret, options, clock())
    except DeployedError as error:
        print(f"caller: {error}", file=sys.stderr)
        return 1
    return 0


def _make(secret: StackSecret, options: argparse.Namespace, now: datetime) -> None:
    name, token = _name(options.name), secrets.token_urlsafe(32)
    if options.grace is not None:
        raise DeployedError("GRACE is only for ROTATE=1: a new caller has no old token")
    # Idempotency keys include it, so that a later caller of the same name can't reach the runs of this one.
    lineage = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    stored = {"sha256": _hash(token), "scopes": _scopes(options.scopes or ""), "lineage": lineage}
    stored |= _expiry(options.expires, now)
    stored |= {} if options.companies is None else {"companies": _companies(options.companies)}

    def with_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name in callers:
            raise DeployedError(
                f"caller {name} already exists. Give it a new token with ROTATE=1 NAME={name}, "
                f"or revoke it first with REVOKE=1 NAME={name}"
            )
        return callers | {name: stored}

    with uninterrupted():
        secret.change(with_caller)
        _show(name, stored, token)


def _rotate(secret: StackSecret, options: argparse.Namespace, now: datetime) -> None:
    name, token = options.name, secrets.token_urlsafe(32)
    if options.scopes is not None or options.companies is not None:
        raise DeployedError(
            "ROTATE=1 keeps SCOPES and COMPANIES. To change them, revoke the caller and create it again"
        )
    grace_ends = now.replace(microsecond=0) + read_grace(options.grace)
    expiry = _expiry(options.expires, now)
    notes: list[str] = []

    def with_token(callers: dict[str, Any]) -> dict[str, Any]:
        old = _existing(callers, name)
        if old.expires_at is not None and options.expires is None:
            raise DeployedError(
                f"the token of caller {name} expires at {time_text(old.expires_at)}. Say when the new one expires: "
                "EXPIRES=90d, a date, or never"
            )
        ends = min(grace_ends, old.expires_at or grace_ends)
        notes[:] = _notes(old, ends, now, f"make caller FINISH=1 NAME={name} STACK={options.stack}")
        kept = {field: value for field, value in callers[name].items() if field not in ("expires_at", "previous")}
        previous = {"previous": {"sha256": old.sha256, "expires_at": time_text(ends)}} if ends > now else {}
        return callers | {name: kept | {"sha256": _hash(token)} | expiry | previous}

    # If a token were stored but not shown, the next rotation would end the one that the API client uses.
    with uninterrupted():
        _show(name, secret.change(with_token)[name], token)
    for note in notes:
        print(note, file=sys.stderr)


def _finish(secret: StackSecret, name: str) -> None:
    def without_previous(callers: dict[str, Any]) -> dict[str, Any]:
        if _existing(callers, name).previous is None:
            raise DeployedError(f"caller {name} has no old token. Its only token is the newest one")
        return callers | {name: {field: value for field, value in callers[name].items() if field != "previous"}}

    secret.change(without_previous)
    print(f"the old token of caller {name} {UP_TO_5_MINUTES}", file=sys.stderr)


def _notes(old: StoredCaller, ends: datetime, now: datetime, finish: str) -> list[str]:
    """Return what becomes of the tokens that a caller had. The old token ends at ``ends``, or after ``finish``."""
    if ends > now + CACHED:
        notes = [f"the old token stays valid until {time_text(ends)}. To end it earlier, type: {finish}"]
    elif old.expires_at is not None and old.expires_at <= now:
        notes = [f"the old token expired at {time_text(old.expires_at)}"]
    else:
        notes = [f"the old token {UP_TO_5_MINUTES}"]
    if old.previous is not None and old.previous.expires_at > now:
        notes.append(f"the token before it {UP_TO_5_MINUTES}, because a caller has at most two tokens")
    return notes


def _existing(callers: dict[str, Any], name: str) -> StoredCaller:
    """Return a caller from the secret.

    Raises:
        DeployedError: the caller doesn't exist or is malformed.
    """
    if name not in callers:
        raise DeployedError(f"caller {name!r} doesn't exist. List the callers with LIST=1")
    try:
        return StoredCaller.model_validate(callers[name])
    except ValidationError:
        raise DeployedError(
            f"caller {name} is malformed in the secret, so the API rejects it. Revoke it with REVOKE=1 NAME={name}, "
            "then create it again"
        ) from None


def _expiry(text: str | None, now: datetime) -> dict[str, Any]:
    expires_at = read_expiry(text, now)
    return {} if expires_at is None else {"expires_at": time_text(expires_at)}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _show(name: str, stored: dict[str, Any], token: str) -> None:
    print(f"caller {name} has the scopes: {' '.join(stored['scopes'])}", file=sys.stderr)
    if "companies" in stored:
        print(f"it is limited to the companies: {' '.join(stored['companies'])}", file=sys.stderr)
    if "expires_at" in stored:
        print(f"its token expires at {stored['expires_at']}", file=sys.stderr)
    print("its token, which is shown only once:", file=sys.stderr)
    print(token, flush=True)


def _revoke(secret: StackSecret, name: str) -> None:
    def without_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name not in callers:
            raise DeployedError(f"caller {name!r} doesn't exist. List the callers with LIST=1")
        return {other: value for other, value in callers.items() if other != name}

    secret.change(without_caller)
    print(f"caller {name} is revoked; its token {UP_TO_5_MINUTES}", file=sys.stderr)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,64}", text):
        raise DeployedError("NAME must be 1 to 64 characters from a-z, 0-9 and -")
    return text


def _words(text: str) -> list[str]:
    return sorted({word for word in re.split(r"[\s,]+", text) if word})


def _scopes(text: str) -> list[str]:
    scopes = _words(text)
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise DeployedError(f"SCOPES must be one or more of {','.join(SCOPES)}, separated by commas")
    return scopes


def _companies(text: str) -> list[str]:
    companies = _words(text)
    if not companies or not all(map(is_company, companies)):
        raise DeployedError(
            f"COMPANIES must be one or more company IDs from Whop, such as biz_A,biz_B, not {text!r}. "
            "Leave it out for all companies"
        )
    return companies


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make caller", description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="create a caller and show its token")
    rotate = commands.add_parser("rotate", help="show a new token for a caller; the old one stays valid (ROTATE=1)")
    for command in (make, rotate):
        command.add_argument("--name", required=True, help="name of the caller in the logs, such as crm (NAME=)")
        command.add_argument("--scopes", help=f"for a new caller: one or more of {', '.join(SCOPES)} (SCOPES=)")
        command.add_argument("--companies", help="for a new caller: the only companies that it reaches (COMPANIES=)")
        command.add_argument("--expires", help="end of the new token: 90d, 2027-01-31 or never (EXPIRES=)")
        command.add_argument("--grace", help="with ROTATE=1: how long the old token stays valid; 24h (GRACE=)")
    commands.add_parser("list", help="show the callers, and when each was last used (LIST=1)")
    finish = commands.add_parser("finish", help="end the old token of a rotation early (FINISH=1)")
    revoke = commands.add_parser("revoke", help="delete a caller (REVOKE=1)")
    for command in (finish, revoke):
        command.add_argument("--name", required=True, help="name of the caller (NAME=)")
    return parser


if __name__ == "__main__":
    sys.exit(interruptible(main))
