"""The API clients (callers) of a deployed stack. Only the hash of a token is stored."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

from aichats.api.callers import Scope, StoredCaller
from aichats.aws.secrets import REFRESH_AFTER_SECONDS
from aichats.records import RecordError
from aichats_cli.admin.companies import is_company
from aichats_cli.admin.deployed import DeployedError
from aichats_cli.admin.token_times import read_expiry, read_grace, time_text
from aichats_cli.errors import UsageError
from aichats_cli.output import Format
from aichats_cli.signals import uninterrupted

if TYPE_CHECKING:
    from datetime import datetime

    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.session import Session

SCOPES: tuple[str, ...] = get_args(Scope.__value__)
CACHED = timedelta(seconds=REFRESH_AFTER_SECONDS)
"""The longest time that the API uses the secret's earlier value."""
UP_TO_5_MINUTES = "stays valid for up to 5 minutes"


def add_caller(
    session: Session, stack: DeployedStack, name: str, *, scopes: str, companies: str | None, expires: str | None
) -> None:
    """Create a caller, and show its token.

    Raises:
        UsageError: an option is invalid.
        DeployedError: the caller exists already, or the secret can't be read or written.
    """
    name, token = _name(name), secrets.token_urlsafe(32)
    # Idempotency keys include it, so that a later caller of the same name can't reach the runs of this one.
    lineage = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    stored = {"sha256": _hash(token), "scopes": _scopes(scopes), "lineage": lineage}
    stored |= _expiry(expires, session.system.now())
    stored |= {} if companies is None else {"companies": _companies(companies)}

    def with_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name in callers:
            rotate, revoke = (stack.command(f"callers {verb} {name}") for verb in ("rotate", "revoke"))
            raise DeployedError(f"caller {name} already exists", f"for a new token: {rotate}. To delete it: {revoke}")
        return callers | {name: stored}

    secret = stack.secret("callers")
    with uninterrupted():
        secret.change(with_caller)
        _show(session, name, stored, token)


def rotate_caller(session: Session, stack: DeployedStack, name: str, *, expires: str | None, grace: str | None) -> None:
    """Show a new token for a caller. The old one stays valid for a while.

    Raises:
        UsageError: an option is invalid, or it must be said when the new token expires.
        DeployedError: the caller doesn't exist, or the secret can't be read or written.
    """
    now, token = session.system.now(), secrets.token_urlsafe(32)
    grace_ends = now.replace(microsecond=0) + read_grace(grace)
    expiry = _expiry(expires, now)
    notes: list[str] = []

    def with_token(callers: dict[str, Any]) -> dict[str, Any]:
        old = _existing(stack, callers, name)
        if old.expires_at is not None and expires is None:
            problem = f"the token of caller {name} expires at {time_text(old.expires_at)}"
            raise UsageError(problem, "say when the new one expires: --expires 90d, a date, or never")
        ends = min(grace_ends, old.expires_at or grace_ends)
        notes[:] = _notes(old, ends, now, stack.command(f"callers finish {name}"))
        kept = {field: value for field, value in callers[name].items() if field not in ("expires_at", "previous")}
        previous = {"previous": {"sha256": old.sha256, "expires_at": time_text(ends)}} if ends > now else {}
        return callers | {name: kept | {"sha256": _hash(token)} | expiry | previous}

    secret = stack.secret("callers")
    # If a token were stored but not shown, the next rotation would end the one that the API client uses.
    with uninterrupted():
        _show(session, name, secret.change(with_token)[name], token)
    for note in notes:
        session.note(note)


def finish_rotation(session: Session, stack: DeployedStack, name: str) -> None:
    """End the old token of a rotation early.

    Raises:
        DeployedError: the caller doesn't exist or has no old token, or the secret can't be read or written.
    """

    def without_previous(callers: dict[str, Any]) -> dict[str, Any]:
        if _existing(stack, callers, name).previous is None:
            raise DeployedError(f"caller {name} has no old token. Its only token is the newest one")
        return callers | {name: {field: value for field, value in callers[name].items() if field != "previous"}}

    stack.secret("callers").change(without_previous)
    session.note(f"the old token of caller {name} {UP_TO_5_MINUTES}")


def revoke_caller(session: Session, stack: DeployedStack, name: str, *, yes: bool) -> None:
    """Delete a caller.

    Raises:
        DeployedError: the caller doesn't exist, or the secret can't be read or written.
        CommandError: you don't confirm it.
    """
    secret = stack.secret("callers")

    def without_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name not in callers:
            raise _unknown(stack, name)
        return {other: value for other, value in callers.items() if other != name}

    without_caller(secret.read())
    session.confirm(f"Revoke the token of caller {name} of {stack.name}?", yes=yes)
    secret.change(without_caller)
    session.note(f"caller {name} is revoked; its token {UP_TO_5_MINUTES}")


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


def _existing(stack: DeployedStack, callers: dict[str, Any], name: str) -> StoredCaller:
    """Return a caller from the secret.

    Raises:
        DeployedError: the caller doesn't exist or is malformed.
    """
    if name not in callers:
        raise _unknown(stack, name)
    try:
        return StoredCaller.of(callers[name])
    except RecordError:
        raise DeployedError(
            f"caller {name} is malformed in the secret, so the API rejects it",
            f"revoke it, then create it again: {stack.command(f'callers revoke {name}')}",
        ) from None


def _unknown(stack: DeployedStack, name: str) -> DeployedError:
    return DeployedError(f"caller {name!r} doesn't exist", stack.command("callers list"))


def _expiry(text: str | None, now: datetime) -> dict[str, Any]:
    expires_at = read_expiry(text, now)
    return {} if expires_at is None else {"expires_at": time_text(expires_at)}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _show(session: Session, name: str, stored: dict[str, Any], token: str) -> None:
    """Show a caller with its token, which isn't shown again: even if only names are asked for."""
    session.note(f"caller {name} has the scopes: {' '.join(stored['scopes'])}")
    if "companies" in stored:
        session.note(f"it is limited to the companies: {' '.join(stored['companies'])}")
    if "expires_at" in stored:
        session.note(f"its token expires at {stored['expires_at']}")
    session.note("its token, which is shown only once:")
    if session.output.format in (Format.table, Format.name):
        session.output.lines([token])
    else:
        shown = {field: stored.get(field) for field in ("scopes", "companies", "expires_at")}
        session.output.data({"name": name, **shown, "token": token})


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,64}", text):
        raise UsageError(f"the name must be 1 to 64 characters from a-z, 0-9 and -, not {text!r}")
    return text


def _words(text: str) -> list[str]:
    return sorted({word for word in re.split(r"[\s,]+", text) if word})


def _scopes(text: str) -> list[str]:
    scopes = _words(text)
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise UsageError(f"--scopes must be one or more of {','.join(SCOPES)}, separated by commas, not {text!r}")
    return scopes


def _companies(text: str) -> list[str]:
    companies = _words(text)
    if not companies or not all(map(is_company, companies)):
        raise UsageError(
            f"--companies must be one or more company IDs from Whop, such as biz_A,biz_B, not {text!r}",
            "for all companies, leave --companies out",
        )
    return companies
