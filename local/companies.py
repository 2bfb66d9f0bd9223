"""The keys of many companies, as `make secret NAME=whop COMPANIES=` reads them. No error shows a key."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from aichats.aws.secrets import ApiKey
from aichats.whop.models import CompanyId
from local.deployed import DeployedError

MAX_CHARACTERS = 1_000_000
"""More than any secret can hold."""

_COMPANY, _KEY = TypeAdapter[str](CompanyId), TypeAdapter[str](ApiKey)


def is_company(text: str) -> bool:
    """Return whether this is the id of a company."""
    return _fits(_COMPANY, text)


def read_companies(file: str) -> dict[str, str]:
    """Return the keys by company, from a file or, for ``-``, from standard input.

    Raises:
        DeployedError: it can't be read, or holds something else; says where.
    """
    try:
        with sys.stdin if file == "-" else Path(file).open(encoding="utf-8-sig") as stream:
            text = stream.read(MAX_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        raise DeployedError(f"{file} cannot be read: {type(error).__name__}") from None
    pairs = _of_object(text) if text.lstrip().startswith("{") else _of_lines(text)
    keys: dict[str, str] = {}
    for where, company, key in pairs:
        if not is_company(company):
            raise DeployedError(f"{where}: a company's id is such as biz_XXXXX")
        if not _fits(_KEY, key):
            raise DeployedError(f"{where}: the key of {company} must be 1 to 4096 printable characters without spaces")
        if keys.setdefault(company, str(key)) != key:
            raise DeployedError(f"{where}: {company} is there twice, with different keys")
    if not keys:
        raise DeployedError(f"{file} holds no company; write a JSON object, or lines of biz_...,key")
    return keys


def _of_object(text: str) -> list[tuple[str, str, object]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise DeployedError("the file begins with { and is not JSON") from None
    return [(f"entry {number}", company, key) for number, (company, key) in enumerate(pairs, start=1)]


def _of_lines(text: str) -> Iterable[tuple[str, str, object]]:
    for number, line in enumerate(text.splitlines(), start=1):
        company, comma, key = (part.strip().strip('"') for part in line.partition(","))
        if not company and not comma:
            continue
        if not comma:
            raise DeployedError(f"line {number}: write biz_...,key")
        yield f"line {number}", company, key


def _fits(adapter: TypeAdapter[str], value: object) -> bool:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True
