"""The output of `aichats admin doctor`."""

import io
import json

from aichats_cli.admin.doctor.examine import report
from aichats_cli.admin.doctor.findings import Finding, fail, fine, warn
from aichats_cli.output import Format, Output

RESULTS: list[tuple[str, list[Finding]]] = [
    ("stack", [fine("is deployed")]),
    ("quota", [warn("only 10 executions at once", "ask for more")]),
    ("Whop keys", [fine("one works"), fail("one was rejected", "aichats admin secret set whop")]),
]


def reported(form: Format, results: list[tuple[str, list[Finding]]]) -> tuple[bool, str]:
    """Return whether the stack works, and what was printed."""
    stream = io.StringIO()
    return report(Output(form, stream, {}), "aichats-dev", results), stream.getvalue()


def test_a_person_sees_each_finding_with_its_remedy_and_a_summary() -> None:
    works, text = reported(Format.table, RESULTS)

    assert not works
    assert "one was rejected" in text
    assert "aichats admin secret set whop" in text
    assert text.splitlines()[-1].startswith("aichats-dev: ")


def test_names_are_those_of_the_checks_that_failed() -> None:
    assert reported(Format.name, RESULTS) == (False, "Whop keys\n")


def test_a_warning_is_no_failure() -> None:
    assert reported(Format.name, RESULTS[:2]) == (True, "")


def test_json_has_each_finding_with_its_check() -> None:
    _, text = reported(Format.json, RESULTS)

    found = json.loads(text)
    assert [each["check"] for each in found] == ["stack", "quota", "Whop keys", "Whop keys"]
    assert {"check": "Whop keys", "status": "fail", "text": "one was rejected"}.items() <= found[-1].items()
