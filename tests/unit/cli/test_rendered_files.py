"""Files that `aichats export` writes: each is read as the same automation again."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from aichats_cli.code.files import read_automation
from aichats_cli.code.rendering import indent_of, render
from tests.support.fakes import Json

WORDS = [
    "# a",
    "- b",
    "no",
    "{{ slot.date }}",
    "x: y",
    "---",
    "é",
    '"q"',
    "'",
    "  z",
    "1e3",
    "~",
    "*a",
    "&a",
    "!t",
    "\t",
]
TEXTS = st.text(max_size=20) | st.lists(st.sampled_from([*WORDS, "\n", "\r\n", " "]), max_size=8).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=6,
)
ACTIONS = st.one_of(
    st.fixed_dictionaries({"type": st.just("whop.create_chat"), "message_text": TEXTS}, optional={"title": TEXTS}),
    st.fixed_dictionaries({"type": st.just("whop.update_chat")}, optional={"title": st.none() | TEXTS}),
    st.fixed_dictionaries({"type": st.just("kodey.create_chat"), "message_text": TEXTS, "metadata": VALUES}),
    st.fixed_dictionaries({"type": st.just("kodey.send_message"), "content": TEXTS}),
)
AUTOMATIONS = st.fixed_dictionaries(
    {
        "trigger": st.fixed_dictionaries({"type": st.just("schedule"), "expression": TEXTS}),
        "action": ACTIONS,
        "targets": st.lists(st.none() | TEXTS, max_size=4),
    },
    optional={
        "description": st.none() | TEXTS,
        "labels": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "managed_by": st.none() | TEXTS,
    },
)


@given(old=AUTOMATIONS, new=AUTOMATIONS, ending=st.sampled_from([".md", ".yaml", ".json"]))
def test_a_rendered_file_is_read_as_the_same_automation(old: Json, new: Json, ending: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, f"weekly{ending}")
        for fields in (old, new):
            file.write_bytes(render(file, fields).encode())

            assert same(read_automation(file)[1], fields)


@given(
    messages=st.lists(st.text("abc \n", min_size=1).map(lambda text: f"A{text}"), min_size=2, max_size=2),
    targets=st.lists(st.lists(st.sampled_from(["biz_A", "biz_B", None]), min_size=1), min_size=2, max_size=2),
    ending=st.sampled_from([".md", ".yaml"]),
)
def test_comments_stay_when_a_file_changes(messages: list[str], targets: list[list[str | None]], ending: str) -> None:
    actions = [{"type": "whop.create_chat", "message_text": message} for message in messages]
    both = zip(targets, actions, strict=True)
    old, new = ({"trigger": {"type": "schedule"}, "targets": each, "action": action} for each, action in both)
    with TemporaryDirectory() as folder:
        file = Path(folder, f"weekly{ending}")
        text = render(file, old).replace("trigger:\n", "# A comment\ntrigger: # too\n", 1)
        file.write_bytes(text.encode())

        changed = render(file, new)

        assert changed.count("# A comment\ntrigger: # too\n") == 1


def test_indents_are_those_of_the_file() -> None:
    assert indent_of("a:\n- b\n") == (2, 2, 0)
    assert indent_of("a:\n    b: 1\nc:\n    -   d\n") == (4, 8, 4)
    assert indent_of("a: 1\n") == (2, 4, 2)


def same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
