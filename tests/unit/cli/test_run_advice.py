"""The next step for a run: each error that the docs explain has one."""

import re
from typing import Any

import pytest

from aichats_cli.runs.advice import ADVICE, advice, next_commands
from local.setup import ROOT

BY_ERROR = ROOT / "docs" / "operations" / "by-error.md"


def run(status: str = "failed", **changes: Any) -> Any:
    """Return a run, as far as advice needs it."""
    fields = {"run_id": "r" * 32, "action": "whop.create_chat", "automation": "weekly", "target": "biz_A"}
    return {**fields, "status": status, "chat_id": None, "error": None, **changes}


def test_each_type_of_error_in_the_docs_has_advice() -> None:
    table = BY_ERROR.read_text().partition("## Errors of runs")[2].partition("## ")[0]
    types = {name for row in re.findall(r"^\|([^|]+)\|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}

    assert types == set(ADVICE)


@pytest.mark.parametrize("kind", [*ADVICE, "OfTomorrow"])
def test_each_advice_is_filled_in(kind: str) -> None:
    text = advice(run(error={"type": kind, "message": "x"}))

    assert text
    assert not re.search(r"[{}]", text)


def test_advice_names_the_provider_and_the_automation() -> None:
    kodey = run(error={"type": "AuthenticationError"}, action="kodey.create_chat")

    assert "aichats admin secret set kodey" in (advice(kodey) or "")
    assert "aichats auto show weekly" in (advice(run(error={"type": "RenderError"})) or "")


@pytest.mark.parametrize("status", ["pending", "performing", "succeeded"])
def test_nothing_is_to_be_done_about_a_run_that_is_fine(status: str) -> None:
    assert advice(run(status)) is None


def test_a_run_that_others_replace_needs_no_replay() -> None:
    replaced = run(error={"type": "RenderError", "replaced_by": ["a", "b"]})

    assert "you don't need to do anything" in (advice(replaced) or "")
    assert list(next_commands(replaced)) == ["aichats runs watch a b"]


def test_a_chat_of_whop_can_be_shown() -> None:
    assert list(next_commands(run("succeeded", chat_id="aich_1"))) == ["aichats chats show aich_1"]
    assert next_commands(run("succeeded")) == {}
