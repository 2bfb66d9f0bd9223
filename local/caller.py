"""`make caller`: who may call the HTTP API of a deployed stack. A token is shown once; only its hash is stored."""

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
    """Make, list, rotate or revoke callers. Returns the exit code."""
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
                _make(secret, options.name, _scopes(options.scopes))
    except DeployedError as error:
        print(f"caller: {error}", file=sys.stderr)
        return 1
    return 0


def _make(secret: StackSecret, name: str, scopes: list[str]) -> None:
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise DeployedError("NAME must be 1 to 64 of a-z, 0-9 and -")
    token = secrets.token_urlsafe(32)
    # Idempotency keys are bound to it, so that a later caller of the same name does not meet this one's runs.
    lineage = base64.b32encode(secrets.token_bytes(10)).decode().lower()

    def with_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name in callers:
            raise DeployedError(
                f"there is a caller {name} already; give it a new token: ROTATE=1 NAME={name}, "
                f"or revoke it first: REVOKE=1 NAME={name}"
            )
        return callers | {name: {"sha256": _hash(token), "scopes": scopes, "lineage": lineage}}

    secret.change(with_caller)
    _show(name, scopes, token)


def _rotate(secret: StackSecret, name: str) -> None:
    token = secrets.token_urlsafe(32)

    def with_token(callers: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(callers.get(name), dict):
            raise DeployedError(f"there is no caller {name!r}")
        return callers | {name: callers[name] | {"sha256": _hash(token)}}

    changed = secret.change(with_token)
    _show(name, changed[name].get("scopes", []), token)
    print("running functions forget the old token within 5 minutes", file=sys.stderr)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _show(name: str, scopes: list[str], token: str) -> None:
    print(f"caller {name} may: {' '.join(scopes)}", file=sys.stderr)
    print("its token, shown this once:", file=sys.stderr)
    print(token)


def _list(secret: StackSecret) -> None:
    callers = secret.read()
    if not callers:
        print("there is no caller yet", file=sys.stderr)
    for name in sorted(callers):
        scopes = callers[name].get("scopes", []) if isinstance(callers[name], dict) else ["(malformed)"]
        print(f"{name:24} {' '.join(scopes)}")


def _revoke(secret: StackSecret, name: str) -> None:
    def without_caller(callers: dict[str, Any]) -> dict[str, Any]:
        if name not in callers:
            raise DeployedError(f"there is no caller {name!r}")
        return {other: value for other, value in callers.items() if other != name}

    secret.change(without_caller)
    print(f"caller {name} is revoked; running functions forget it within 5 minutes", file=sys.stderr)


def _scopes(text: str) -> list[str]:
    scopes = sorted({scope for scope in re.split(r"[\s,]+", text) if scope})
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise DeployedError(f"SCOPES must be some of {','.join(SCOPES)}, separated by commas")
    return scopes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make caller", description=__doc__)
    parser.add_argument("--stack", required=True, help="the deployed stack, such as aichats-dev (STACK=)")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="make a caller and show its token")
    make.add_argument("--name", required=True, help="what the logs call it, such as crm (NAME=)")
    make.add_argument("--scopes", required=True, help=f"some of {', '.join(SCOPES)} (SCOPES=)")
    commands.add_parser("list", help="show names and scopes (LIST=1)")
    rotate = commands.add_parser("rotate", help="give a caller a new token in place of the old one (ROTATE=1)")
    rotate.add_argument("--name", required=True, help="whose (NAME=)")
    revoke = commands.add_parser("revoke", help="take a caller's token away (REVOKE=1)")
    revoke.add_argument("--name", required=True, help="whose (NAME=)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
