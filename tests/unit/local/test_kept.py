"""The folder of `make dev KEEP=1`, if nothing can be written there."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from local import kept
from local.errors import LocalError


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


def test_data_that_cannot_be_read_is_reported_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / kept.AWS).mkdir()

    with pytest.raises(LocalError, match=f"Delete the data: rm -rf {tmp_path}"), kept.kept(Mock(), tmp_path, print):
        pass

    assert (tmp_path / kept.AWS).is_dir()


def test_a_last_save_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "save", Mock(side_effect=FileNotFoundError("no such folder")))

    with pytest.raises(LocalError, match=r"was not saved in .*no such folder"), kept.kept(Mock(), tmp_path, print):
        pass
