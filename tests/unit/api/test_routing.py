"""The operation of a method and a path, compared with a regular expression for each path."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.api.every_operation import OPERATIONS
from aichats.api.routing import indexed_operations, match_path, operation_at, operations_at

TEMPLATES = sorted({operation.path for operation in OPERATIONS})
PARTS = sorted({part for template in TEMPLATES for part in template.split("/")})
IDS = [
    "aich_1",
    "weekly",
    "a" * 32,
    "chat_1",
    "..",
    "x/..",
    "é",
    "\n",
    "a\n",
    "{name}",
    "%2e%2e",
    "",
    "\ud800",
    "file_1",
]
PATHS = st.lists(st.sampled_from([*PARTS, *IDS]) | st.text(max_size=3), max_size=6).map("/".join)
NEARLY_TEMPLATES = st.sampled_from(TEMPLATES).flatmap(
    lambda template: st.sampled_from(IDS).map(lambda value: re.sub(r"{\w+}", lambda _: value, template))
)


def judged(template: str, path: str) -> dict[str, str] | None:
    """Return the parameters in a path, by a regular expression."""
    form = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+|.*\.\..*)", template)
    match = re.fullmatch(form, path, re.DOTALL)
    return match.groupdict() if match else None


@given(path=PATHS | NEARLY_TEMPLATES)
def test_a_path_matches_a_template_as_by_a_regular_expression(path: str) -> None:
    for template in TEMPLATES:
        assert match_path(template, path) == judged(template, path)


@given(path=PATHS | NEARLY_TEMPLATES, method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]))
def test_the_operation_of_a_method_is_one_of_the_operations_of_the_path(path: str, method: str) -> None:
    found, among = operation_at(method, path), operations_at(path).get(method)

    assert (found and (found.name, found.path)) == (among and (among.name, among.path))


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_parameter_is_a_whole_part_of_a_path(template: str) -> None:
    assert all(re.fullmatch(r"[a-z-]*|{\w+}", part) for part in template.split("/"))


def test_the_index_leads_to_each_operation() -> None:
    loaded = [each.load() for each in indexed_operations()]

    assert sorted(map(id, loaded)) == sorted(map(id, OPERATIONS))
    for each, operation in zip(indexed_operations(), loaded, strict=True):
        assert (each.method, each.path, each.name) == (operation.method, operation.path, operation.run.__name__)
        assert (each.scopes, each.limited, each.answers) == (
            operation.scopes,
            operation.limited,
            bool(operation.answers),
        )
