"""Manage the API clients (callers) of a deployed stack (`make caller`). Only the hash of a token is stored."""

import argparse
import base64
import hashlib
import re
import secrets
import sys
from collections.abc import Sequence
from typing import Any, get_args

from aichats.api.callers import Scope
from local.deployed import DeployedError, StackSecret

SCOPES: tuple[str, ...] = get_args(Scope.__value__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Create, list, rotate or revoke callers. Return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        secret = StackSecret.find(options.stack, "callers")
        match options.command:
            case "list":
                _list(secret)
            case "revoke":
                _revoke(secret, options.name)
            case "rotate":
                _rotate(secret, options.name)
            case _:
                _make(secret, _name(options.name), _scopes(options.scopes))
    except DeployedError as error:
        print(f"caller: {error}", file=sys.stderr)
        return 1
    return 0


def _make(secret: StackSecret, name: str, scopes: list[str]) -> None:
    token = secrets.token_urlsafe(32)
    # Idempotency keys include it, so that a later caller of the same name can't reach the runs of this one.
    lineage = base64.b32encode(secrets.token_bytes(10)).decode().lower()

    def with_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name in callers:
            raise DeployedError(
                f"caller {name} already exists. Give it a new token with ROTATE=1 NAME={name}, "
                f"or revoke it first with REVOKE=1 NAME={name}"
            )
        return callers | {name: {"sha256": _hash(token), "scopes": scopes, "lineage": lineage}}

    secret.change(with_caller)
    _show(name, scopes, token)


def _rotate(secret: StackSecret, name: str) -> None:
    token = secrets.token_urlsafe(32)

    def with_token(callers: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(callers.get(name), dict):
            raise DeployedError(f"caller {name!r} doesn't exist. List the callers with LIST=1")
        return callers | {name: callers[name] | {"sha256": _hash(token)}}

    changed = secret.change(with_token)
    _show(name, changed[name].get("scopes", []), token)
    print("the old token stays valid for up to 5 minutes", file=sys.stderr)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _show(name: str, scopes: list[str], token: str) -> None:
    print(f"caller {name} has the scopes: {' '.join(scopes)}", file=sys.stderr)
    print("its token, which is shown only once:", file=sys.stderr)
    print(token)


def _list(secret: StackSecret) -> None:
    callers = secret.read()
    if not callers:
        print("no callers yet", file=sys.stderr)
    for name in sorted(callers):
        scopes = callers[name].get("scopes", []) if isinstance(callers[name], dict) else ["(malformed)"]
        print(f"{name:24} {' '.join(scopes)}")


def _revoke(secret: StackSecret, name: str) -> None:
    def without_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name not in callers:
            raise DeployedError(f"caller {name!r} doesn't exist. List the callers with LIST=1")
        return {other: value for other, value in callers.items() if other != name}

    secret.change(without_caller)
    print(f"caller {name} is revoked; its token stays valid for up to 5 minutes", file=sys.stderr)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,64}", text):
        raise DeployedError("NAME must be 1 to 64 characters from a-z, 0-9 and -")
    return text


def _scopes(text: str) -> list[str]:
    scopes = sorted({scope for scope in re.split(r"[\s,]+", text) if scope})
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise DeployedError(f"SCOPES must be one or more of {','.join(SCOPES)}, separated by commas")
    return scopes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make caller", description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="create a caller and show its token")
    make.add_argument("--name", required=True, help="name of the caller in the logs, such as crm (NAME=)")
    make.add_argument("--scopes", required=True, help=f"one or more of {', '.join(SCOPES)} (SCOPES=)")
    commands.add_parser("list", help="show names and scopes (LIST=1)")
    rotate = commands.add_parser("rotate", help="replace the token of a caller (ROTATE=1)")
    rotate.add_argument("--name", required=True, help="name of the caller (NAME=)")
    revoke = commands.add_parser("revoke", help="delete a caller (REVOKE=1)")
    revoke.add_argument("--name", required=True, help="name of the caller (NAME=)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
