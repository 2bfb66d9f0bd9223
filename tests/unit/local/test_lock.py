"""`make lock`: a lock of npm packages stays as it was unless npm resolved a new one."""

from pathlib import Path

import pytest

from local import lock, npm


@pytest.fixture
def npm_lock(tmp_path: Path) -> Path:
    """The lock of the npm packages, in a project of the test."""
    folder = tmp_path / "requirements" / "npm"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text("old")
    return folder / "package-lock.json"


def fake_npm(folder: Path, *, exit_code: int) -> str:
    """Return the path of a fake npm that writes a lock with the name of its folder, as npm does."""
    program = folder / "npm"
    resolve = 'test ! -f package-lock.json && test -f package.json && basename "$PWD" >package-lock.json'
    program.write_text(f"#!/bin/sh\n{resolve} || exit 99\nexit {exit_code}\n")
    program.chmod(0o755)
    return str(program)


def test_without_npm_nothing_is_pinned_and_the_message_says_how_to_install_it(
    npm_lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(lock, "pin", lambda _source, target: pytest.fail(f"pinned {target}"))

    assert lock.main() == 1

    assert capsys.readouterr().err == (
        "lock: npm is not installed (on Debian: apt-get install npm), so nothing was pinned\n"
    )
    assert npm_lock.read_text() == "old"


def test_the_lock_is_replaced_by_one_that_npm_resolves_from_the_manifest_alone(npm_lock: Path, tmp_path: Path) -> None:
    assert npm.pin(fake_npm(tmp_path, exit_code=0), npm_lock.parent) == 0

    assert npm_lock.read_text() == "npm\n"
    assert sorted(path.name for path in npm_lock.parent.iterdir()) == ["package-lock.json", "package.json"]


def test_the_lock_stays_if_npm_fails(npm_lock: Path, tmp_path: Path) -> None:
    assert npm.pin(fake_npm(tmp_path, exit_code=7), npm_lock.parent) == 7

    assert npm_lock.read_text() == "old"
