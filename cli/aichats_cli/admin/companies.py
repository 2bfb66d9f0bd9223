"""Companies in commands: the option `--company`, and the credentials in a file for `aichats admin secret set whop`.

No error shows a key.

A credential is a key, or the name of a connection: ``connection:name``, or in JSON ``{"connection": "name"}``.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from aichats.aws.secret_values import read_key
from aichats.whop.connections import read_company, read_connection_name
from aichats_cli.admin.deployed import DeployedError
from aichats_cli.errors import UsageError

MAX_CHARACTERS = 1_000_000
"""Characters to read of a file: more than fit in a secret."""

CONNECTION_PREFIX = "connection:"

type Credential = str | dict[str, str]
"""A key, or ``{"connection": name}``."""


def is_company(text: str) -> bool:
    """Return whether the text is a valid id of a company."""
    return _fits(read_company, text)


def check_company(company: str | None) -> None:
    """Check the option ``--company`` of a command.

    Raises:
        UsageError: it isn't the ID of a company.
    """
    if company is not None and not is_company(company):
        raise UsageError(f"--company must be a company ID from Whop, such as biz_XXXXX, not {company!r}")


def read_companies(file: str, stdin: TextIO) -> dict[str, Credential]:
    """Return the credentials by company, from a file or, for ``-``, from ``stdin``.

    Raises:
        DeployedError: the file can't be read or has an invalid entry; the message names the line or entry.
    """
    try:
        with stdin if file == "-" else Path(file).open(encoding="utf-8-sig") as stream:
            text = stream.read(MAX_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        raise DeployedError(f"can't read {file}: {reason_of(error)}") from None
    pairs = _of_object(text) if text.lstrip().startswith("{") else _of_lines(text)
    credentials: dict[str, Credential] = {}
    for where, company, value in pairs:
        if not is_company(company):
            raise DeployedError(f"{where}: the company ID must look like biz_XXXXX")
        credential = _credential(f"{where}: the key of {company}", value)
        if credentials.setdefault(company, credential) != credential:
            raise DeployedError(f"{where}: {company} occurs twice, with different keys")
    if not credentials:
        raise DeployedError(f"{file} has no companies. Write a JSON object, or lines of biz_...,key")
    return credentials


def _credential(what: str, value: object) -> Credential:
    match value:
        case [["connection", name]]:  # a JSON object, read as a list of pairs
            pass
        case str() if value.startswith(CONNECTION_PREFIX):
            name = value.removeprefix(CONNECTION_PREFIX)
        case str() if _fits(read_key, value):
            return value
        case _:
            raise DeployedError(f"{what} must be 1 to 4096 printable characters without spaces")
    if not isinstance(name, str) or not _fits(read_connection_name, name):
        raise DeployedError(
            f"{what} names a connection. Its name must be 1 to 64 characters from A-Z, a-z, 0-9, _ and -"
        )
    return {"connection": name}


def reason_of(error: OSError | UnicodeDecodeError) -> str:
    """Return why a file can't be read, without any of its content."""
    return error.strerror or "unknown" if isinstance(error, OSError) else "it is not UTF-8 text"


def _of_object(text: str) -> list[tuple[str, str, object]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise DeployedError("the file starts with { but is not valid JSON") from None
    return [(f"entry {number}", company, key) for number, (company, key) in enumerate(pairs, start=1)]


def _of_lines(text: str) -> Iterable[tuple[str, str, object]]:
    for number, line in enumerate(text.splitlines(), start=1):
        company, comma, key = (part.strip().strip('"') for part in line.partition(","))
        if not company and not comma:
            continue
        if not comma:
            raise DeployedError(f"line {number}: write biz_...,key")
        yield f"line {number}", company, key


def _fits(read: Callable[[object], str], value: object) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True
