"""Set-up: the parts that it makes, and those that it skips."""

import re
from pathlib import Path

import pytest

from local import setup


def pins(name: str) -> set[str]:
    """Return the packages that a requirements file pins, with their versions."""
    return set(re.findall(r"^(\S+==\S+)", (setup.ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Empty folders in place of the environments."""
    places = {name: tmp_path / path.name for name, path in setup.ENVIRONMENTS.items()}
    for place in {*places.values(), tmp_path / "wheelhouse"}:
        place.mkdir()
    monkeypatch.setattr(setup, "ENVIRONMENTS", places)
    monkeypatch.setattr(setup, "WHEELHOUSE", tmp_path / "wheelhouse")
    return places


@pytest.mark.usefixtures("environments")
def test_the_demo_needs_neither_sam_cli_nor_the_tools_of_developers() -> None:
    assert setup.pending(setup.DEMO) == ["local", "cloud", "runtime", "wheelhouse"]


def test_a_complete_development_environment_serves_the_demo_too(environments: dict[str, Path]) -> None:
    setup.stamp(environments["dev"], setup.requirements("dev"))
    assert "local" not in setup.pending(setup.DEMO)


def test_an_environment_of_the_demo_is_not_enough_for_developers(environments: dict[str, Path]) -> None:
    setup.stamp(environments["local"], setup.requirements("local"))
    assert "local" not in setup.pending(setup.DEMO)
    assert "dev" in setup.pending(setup.EVERYTHING)


def test_the_development_environment_contains_all_that_the_commands_need_in_the_same_versions() -> None:
    assert pins("local") < pins("dev")
