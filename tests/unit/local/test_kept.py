"""The folder of `make dev KEEP=1`: who may use it, what goes wrong there, and that it stays."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from local import kept
from local.errors import LocalError
from local.setup import ROOT
from tests.support.commands import run_command


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        kept.locked(tmp_path / "a" / "b") as folder,
        pytest.raises(LocalError, match="another"),
        kept.locked(folder),
    ):
        pass
    with kept.locked(folder):
        pass


def test_a_folder_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(LocalError, match=rf"can't be kept in {file} .*Choose another folder"), kept.locked(file):
        pass


def clean(folder: Path) -> None:
    """Run `make clean` in this folder."""
    run_command("make", "-C", folder, "-f", ROOT / "Makefile", "clean", check=True)


def test_make_clean_removes_what_was_built_but_not_the_data(tmp_path: Path) -> None:
    data = tmp_path / kept.FOLDER.relative_to(ROOT) / kept.AWS
    built = [tmp_path / ".local" / "cloud" / "log", tmp_path / ".local" / "whop.log", tmp_path / ".tools" / "uv"]
    for file in (data, *built):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    clean(tmp_path)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [data]


def test_make_clean_has_nothing_to_do_in_a_fresh_checkout(tmp_path: Path) -> None:
    clean(tmp_path)


def test_data_that_cannot_be_read_is_reported_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / kept.AWS).mkdir()

    with pytest.raises(LocalError, match=f"Delete the data: rm -rf {tmp_path}"), kept.kept(Mock(), tmp_path, print):
        pass

    assert (tmp_path / kept.AWS).is_dir()


class BusyDynamoDB:
    """A DynamoDB that writes one item for each call."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def batch_write_item(self, **request: dict[str, list[Any]]) -> dict[str, Any]:
        [(table, [first, *others])] = request["RequestItems"].items()
        self.items.append(first["PutRequest"]["Item"])
        return {"UnprocessedItems": {table: others} if others else {}}


@pytest.mark.parametrize("count", [kept.WRITES, kept.WRITES + 1])
def test_items_that_are_left_out_are_written_again_but_not_forever(count: int) -> None:
    system, dynamodb = Mock(), BusyDynamoDB()
    system.emulator.clients.dynamodb = dynamodb
    items = [{"run_id": {"S": str(number)}} for number in range(count)]

    with pytest.raises(LocalError, match="did not write all items") if count > kept.WRITES else nullcontext():
        kept.put(system, "runs", items)

    assert dynamodb.items == items[: kept.WRITES]


def test_a_last_save_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "save", Mock(side_effect=FileNotFoundError("no such folder")))

    with pytest.raises(LocalError, match=r"was not saved in .*no such folder"), kept.kept(Mock(), tmp_path, print):
        pass
