"""Two people at once, with kills: the second plan is empty, nothing of others is touched, no update is lost."""

from pathlib import Path

import pytest

from tests.support.two_people import Office


@pytest.mark.parametrize("seed", range(2))
def test_random_edits_by_two_people_end_with_an_empty_plan(tmp_path: Path, seed: int) -> None:
    office = Office(tmp_path, seed)

    for _ in range(100):
        office.step()

    assert office.kills
    assert office.stops
    assert office.applied
    assert office.ann.cli.changes + office.ben.cli.changes > 100
