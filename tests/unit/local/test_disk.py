"""A disk that is full, and what ended commands leave on it."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import setup
from local.disk import KEPT, NEEDED_BYTES, prefix, prune, require_space
from local.errors import LocalError
from local.repeat import repeating
from local.signals import interruptible
from tests.support.commands import restored_signals


def no_space() -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up_ends_a_command_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with restored_signals():
        assert interruptible(no_space) == 1
    printed = capsys.readouterr().err
    assert "is full. Free some space, for example with `make clean`" in printed
    assert "Traceback" not in printed


def test_another_error_of_the_system_is_not_taken_for_a_full_disk() -> None:
    def missing() -> int:
        raise FileNotFoundError(errno.ENOENT, "no such file")

    with restored_signals(), pytest.raises(FileNotFoundError):
        interruptible(missing)


def test_set_up_reports_a_full_disk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(setup, "pending", lambda _: no_space())
    assert setup.main([]) == 1
    assert "is full. Free about 1 GB" in capsys.readouterr().err


def test_a_system_is_not_started_without_the_room_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=NEEDED_BYTES))
    require_space(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=12_000_000))
    with pytest.raises(LocalError, match=r"is full.*: 12 MB are free, 300 MB are needed"):
        require_space(tmp_path)


def test_what_is_done_again_and_again_goes_on_after_the_disk_was_full() -> None:
    calls: list[int] = []
    twice = threading.Event()

    def act() -> None:
        calls.append(1)
        if len(calls) == 2:
            twice.set()
        no_space()

    def tell(_line: str) -> None:
        no_space()

    with repeating(act, every=0.01, report=tell):
        assert twice.wait(60)


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_of_what_ended_commands_left_the_newest_stays_and_that_of_running_ones(tmp_path: Path) -> None:
    pid = ended_process()
    for number in range(KEPT + 2):
        left = tmp_path / f"local.standins.whop.{pid}.{number}.log"
        left.write_text("")
        os.utime(left, (number, number))
    own = tmp_path / f"{prefix('local.standins.whop')}mine.log"
    others = [tmp_path / "local.standins.whop.notes.log", tmp_path / f"local.standins.kodey.{pid}.0.log"]
    for path in (own, *others):
        path.write_text("")
        os.utime(path, (0, 0))
    prune(tmp_path, "local.standins.whop")
    kept = {f"local.standins.whop.{pid}.{number}.log" for number in range(2, KEPT + 2)}
    assert {path.name for path in tmp_path.iterdir()} == {own.name, *(path.name for path in others), *kept}


def test_the_folders_of_ended_emulators_are_removed_with_what_is_in_them(tmp_path: Path) -> None:
    pid = ended_process()
    for number in range(KEPT + 1):
        folder = tmp_path / f"emulator.{pid}.{number}"
        folder.mkdir()
        (folder / "log").write_text("")
        os.utime(folder, (number, number))
    prune(tmp_path, "emulator")
    assert not (tmp_path / f"emulator.{pid}.0").exists()
    assert len(list(tmp_path.iterdir())) == KEPT
