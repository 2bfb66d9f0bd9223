"""Canaries are found in every encoding and in part, and what is not allowed is reported."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.support.leaks.allowed import ALLOWED, problems
from tests.support.leaks.bench import Place
from tests.support.leaks.canaries import PIECE, Canaries
from tests.support.leaks.kinds import MESSAGE, TITLE, TOKEN

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "HTML": html.escape,
    "URL": lambda value: quote(value, safe=""),
    "repr": repr,
    "hex": lambda value: value.encode().hex(),
    "base64": lambda value: base64.b64encode(f"Bearer {value}".encode()).decode(),
    "base64 with another offset": lambda value: base64.b64encode(f"x{value}y".encode()).decode(),
    "base64 of a URL": lambda value: base64.urlsafe_b64encode(f"xy{value}".encode()).decode(),
    "a part": lambda value: value[5 : 5 + PIECE],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_canary_is_found_in_each_form(form: Callable[[str], str]) -> None:
    canaries = Canaries()
    token, text = canaries.token(TOKEN), canaries.text(MESSAGE)
    assert canaries.kinds_in(f"before {form(token)} after") == {TOKEN}
    assert canaries.kinds_in(f"before {form(text)} after") == {MESSAGE}


def test_a_text_without_a_canary_has_no_kind() -> None:
    canaries = Canaries()
    canaries.token(TOKEN)
    assert canaries.kinds_in("Bearer " + Canaries().token(TOKEN)) == set()
    assert canaries.kinds == {TOKEN}


def test_a_leak_is_reported_with_its_place_and_its_kind() -> None:
    canaries = Canaries()
    place = Place("log http-api", f"refused: {canaries.token(TOKEN)}")
    assert "log http-api contains: token of an API client" in problems([place], canaries)


def test_a_kind_that_is_not_allowed_in_a_place_is_reported() -> None:
    canaries = Canaries()
    row = Place("RunsTable row.title", canaries.text(TITLE) + canaries.text(MESSAGE))
    found = problems([row], canaries)
    assert "RunsTable row.title contains: message text" in found
    assert "RunsTable row.title contains: title" not in found


def test_a_place_that_needs_no_exception_any_more_is_reported() -> None:
    kinds = [f"{allowed.where} no longer contains: {kind}" for allowed in ALLOWED for kind in sorted(allowed.kinds)]
    assert problems([], Canaries()) == kinds
