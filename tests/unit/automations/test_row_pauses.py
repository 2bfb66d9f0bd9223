"""The row of an automation keeps its pauses, whatever becomes of its definition."""

from copy import replace
from datetime import timedelta
from itertools import islice

import pytest

from aichats.automations.row import AutomationRow, header_from_item, item_from_row, next_row, row_from_item
from aichats.errors import UnreadableError
from aichats.schedules.pauses import Pauses, PauseWindow
from tests.support.automations import RATE, automation, scheduled
from tests.support.ledgers import NOON

HOUR = timedelta(hours=1)
HOURLY = automation(scheduled("cron(0 * * * ? *)"))
PAUSES = Pauses((PauseWindow(NOON + HOUR, NOON + 3 * HOUR, "ops", NOON, "holidays"),))


def row(pauses: Pauses = PAUSES) -> AutomationRow:
    return replace(next_row("weekly", HOURLY, None, NOON), pauses_text=pauses.to_text())


def test_pauses_are_stored_in_the_row() -> None:
    assert row_from_item(item_from_row(row())).pauses == PAUSES


def test_a_row_of_an_earlier_version_has_no_pauses() -> None:
    item = item_from_row(next_row("weekly", HOURLY, None, NOON))
    assert "pauses" not in item
    assert row_from_item(item).pauses == Pauses()


def test_a_new_definition_keeps_the_pauses_and_another_etag_comes_from_the_definition_alone() -> None:
    assert next_row("weekly", RATE, row(), NOON).pauses == PAUSES
    assert next_row("weekly", RATE, row(), NOON).etag == next_row("weekly", RATE, row(Pauses()), NOON).etag


def test_a_deleted_automation_takes_its_pauses_with_it() -> None:
    assert next_row("weekly", HOURLY, replace(row(), state="deleting"), NOON).pauses == Pauses()


def test_an_unreadable_row_keeps_its_pauses_when_it_is_replaced() -> None:
    header = header_from_item({**item_from_row(row()), "definition": "{}"})
    assert not isinstance(header, AutomationRow)
    assert next_row("weekly", HOURLY, header, NOON).pauses == PAUSES


@pytest.mark.parametrize("malformed", ["{", "[{}]", 7])
def test_a_row_with_malformed_pauses_is_unreadable_and_can_be_replaced(malformed: object) -> None:
    item = {**item_from_row(row()), "pauses": malformed}
    with pytest.raises(UnreadableError, match="automation weekly cannot be read"):
        row_from_item(item)
    replaced = next_row("weekly", HOURLY, header_from_item(item), NOON)
    assert row_from_item(item_from_row(replaced)).pauses == Pauses()


def test_slots_in_a_pause_are_left_out_for_people_and_stay_slots() -> None:
    assert list(islice(row().unpaused_slots(NOON), 2)) == [NOON + 3 * HOUR, NOON + 4 * HOUR]
    assert next(row().slots(NOON)) == NOON + HOUR
