"""The files of automations: Markdown with front matter, YAML and JSON."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from aichats.automations.definition_models import AutomationModel
from aichats.runs.action_models import ActionModel
from aichats_cli.code.documents import message_field
from aichats_cli.code.files import MAX_BYTES, read_automation
from aichats_cli.code.form import FORMS
from aichats_cli.code.problems import FileError

FIELDS = {
    "trigger": {"type": "schedule", "expression": "rate(1 hour)"},
    "action": {"type": "whop.create_chat", "message_text": "Hi {{ target }}"},
    "targets": ["biz_A"],
}
FRONT = "trigger: {type: schedule, expression: rate(1 hour)}\ntargets: [biz_A]\n"


def test_the_body_of_markdown_is_the_message(tmp_path: Path) -> None:
    file = write(tmp_path, "weekly.md", f"---\n{FRONT}---\n\n# Hi\n\n---\n\n    code\n\n")

    name, fields = read_automation(file)

    assert (name, fields["action"]) == (
        "weekly",
        {"type": "whop.create_chat", "message_text": "# Hi\n\n---\n\n    code"},
    )


def test_fields_of_the_action_stay_beside_the_message(tmp_path: Path) -> None:
    action = "action: {type: kodey.send_message}\n"

    assert read(tmp_path, f"---\n{FRONT}{action}---\nHi\n")["action"] == {
        "type": "kodey.send_message",
        "content": "Hi",
    }


@pytest.mark.parametrize("ending", ["yaml", "yml", "json", "YAML"])
def test_yaml_and_json_have_the_fields_of_the_api(tmp_path: Path, ending: str) -> None:
    assert read_automation(write(tmp_path, f"weekly.{ending}", json.dumps(FIELDS))) == ("weekly", FIELDS)


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    labels = 'labels: {on: no, at: 08:30, day: 2027-01-05, "1": !!str 12, long: 1:20, n: "~"}\n'

    assert read(tmp_path, f"---\n{FRONT}{labels}---\nHi")["labels"] == {
        "on": "no",
        "at": "08:30",
        "day": "2027-01-05",
        "1": "12",
        "long": "1:20",
        "n": "~",
    }


def test_numbers_and_nulls_are_those_of_json(tmp_path: Path) -> None:
    metadata = "{a: 010, b: 1_000, c: 1e3, d: ~, e: True, f: 1.5, g: -7}"

    assert read(tmp_path, f"---\n{FRONT}action: {{metadata: {metadata}}}\n---\nHi")["action"]["metadata"] == {
        "a": 10,
        "b": "1_000",
        "c": 1000.0,
        "d": None,
        "e": True,
        "f": 1.5,
        "g": -7,
    }


def test_windows_line_ends_and_a_byte_order_mark_mean_nothing(tmp_path: Path) -> None:
    content = "\ufeff" + f"---\n{FRONT}---\nA\nB\n".replace("\n", "\r\n")

    assert read(tmp_path, content)["action"]["message_text"] == "A\nB"


def test_aliases_are_followed(tmp_path: Path) -> None:
    content = f"---\n{FRONT}action: {{title: &a Hi, metadata: [*a, *a]}}\n---\nHi"

    assert read(tmp_path, content)["action"]["metadata"] == ["Hi", "Hi"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Hi", "weekly.md, line 1: must begin with front matter"),
        (f"---\n{FRONT}", "weekly.md, line 1: must begin with front matter"),
        ("---\n---\nHi", "weekly.md: must have the fields of an automation: trigger, action, targets …"),
        (f"---\n{FRONT}targets: [b]\n---\nHi", "weekly.md, line 4: targets: is there twice. Remove one of them"),
        (
            f"---\n{FRONT}trigers: 1\n---\nHi",
            "weekly.md, line 4: trigers: is not a field of an automation. Do you mean",
        ),
        (f"---\n{FRONT}name: x\n---\nHi", "weekly.md, line 4: name: the name of the file is the name"),
        (f"---\n{FRONT}labels:\n  version: 1\n---\nHi", "line 5: labels.version: must be a text. Put it into quotes"),
        (f"---\n{FRONT}labels: [a]\n---\nHi", "weekly.md, line 4: labels: must be a group of fields"),
        (f"---\n{FRONT}missed: null\n---\nHi", "weekly.md, line 4: missed: must be a text"),
        (f"---\n{FRONT}description: [\n---\nHi", "weekly.md, line 4: not valid YAML"),
        (f"---\n{FRONT}description: a: b\n---\nHi", "weekly.md, line 4: not valid YAML"),
        (f"---\n{FRONT}description: !x a\n---\nHi", "line 4: description: the tag !x isn't supported"),
        (
            f"---\n{FRONT}action:\n  title: {{{{ slot.date }}}}\n---\nHi",
            'needs quotes, such as title: "{{ slot.date }}"',
        ),
        (f"---\n{FRONT}action:\n  metadata: .inf\n---\nHi", "line 5: action.metadata: .inf is not a number"),
        (
            f"---\n{FRONT}action: {{message_text: a}}\n---\nHi",
            "action.message_text: is the text below the front matter",
        ),
        (f"---\n{FRONT}action: {{type: whop.update_chat}}\n---\nHi", "whop.update_chat has no message"),
        (f"---\n{FRONT}action: {{attachments: [file_1, ./a.pdf]}}\n---\nHi", "aichats files upload ./a.pdf"),
        (f"---\n{FRONT}description: &a [*a]\n---\nHi", "is too large"),
        (f"---\n{FRONT}description: {'[' * 5000}\n---\nHi", "is nested more than 50 levels deep"),
        ("---\ntargets: [biz_A]\n---\nHi", "weekly.md, line 2: trigger: is missing"),
    ],
)
def test_an_error_names_the_file_the_line_and_the_field(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(FileError) as raised:
        read(tmp_path, content)

    assert problem in raised.value.message
    assert raised.value.message.startswith(str(tmp_path / "weekly.md"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"a": 1,}', "line 1: not valid JSON"),
        ('{"targets": [], "targets": []}', "targets: is there twice"),
        ('{"targets": NaN}', "NaN is not a number that JSON has"),
        ("[" * 200_000, "is nested too deep"),
        (f'{{"targets": {"1" * 5000}}}', "a number that is too long"),
        (json.dumps(FIELDS | {"description": "\ud800"}), "description: has half of a surrogate pair"),
        (json.dumps(FIELDS | {"description": "x" * MAX_BYTES}), "has more than 1000000 bytes"),
    ],
)
def test_json_that_an_automation_cannot_have_is_an_error(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(FileError, match=problem):
        read_automation(write(tmp_path, "weekly.json", content))


def test_a_bomb_of_aliases_is_an_error(tmp_path: Path) -> None:
    levels = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 10))

    with pytest.raises(FileError, match="is too large"):
        read_automation(write(tmp_path, "weekly.yaml", f"x0: &x0 a\n{levels}"))


def test_a_file_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "weekly.md"
    file.write_bytes(f"---\n{FRONT}---\nGrüße".encode("latin-1"))

    with pytest.raises(FileError, match="line 5: is not UTF-8"):
        read_automation(file)


@pytest.mark.parametrize("name", ["Weekly.md", "weekly report.md", "a" * 65 + ".md", "täglich.yaml"])
def test_the_name_of_the_file_must_be_the_name_of_an_automation(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="is not the name of an automation"):
        read_automation(write(tmp_path, name, json.dumps(FIELDS)))


def test_a_missing_file_and_another_ending_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="can't read the file: No such file"):
        read_automation(tmp_path / "weekly.md")
    with pytest.raises(FileError, match=r"must end with one of \.md, \.yaml, \.yml, \.json"):
        read_automation(write(tmp_path, "weekly.txt", "Hi"))


def test_the_fields_are_those_of_the_api() -> None:
    assert set(FORMS) == set(AutomationModel.model_fields)


def test_the_message_of_each_action_is_one_of_its_fields() -> None:
    models = get_args(get_args(ActionModel.__value__)[0])

    for model in models:
        kind = get_args(model.model_fields["type"].annotation)[0]
        field = message_field(kind)
        texts = {"message_text", "content"} & set(model.model_fields)
        assert texts == ({field} if field else set())


def read(folder: Path, content: str) -> dict[str, Any]:
    return read_automation(write(folder, "weekly.md", content))[1]


def write(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.write_bytes(content.encode())
    return file
