"""The table of automations: versions, conditions of requests, concurrent writers, and how rows are found."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aichats.automations.model import Automation
from aichats.automations.rows import AutomationRow, StaleError
from aichats.automations.store import KEEP_DONE, MAX_BYTES, AutomationStore
from aichats.errors import InputError
from tests.automations import ACTION, CRON, RATE, WEBHOOK, at, automation, listening, make_store, scheduled
from tests.crashing import FaultyAws, World
from tests.fakes import Json
from tests.ledgers import NOON, Clock, dynamodb

NAME = "weekly"


@pytest.fixture
def store(clock: Clock) -> AutomationStore:
    return make_store(clock)


def read(store: AutomationStore, name: str = NAME) -> AutomationRow:
    row = store.read(name)
    assert row is not None
    return row


def item(store: AutomationStore, name: str = NAME) -> Json:
    """The row as DynamoDB keeps it."""
    found = dynamodb().get_item(TableName=store.table, Key={"name": {"S": name}}, ConsistentRead=True)
    return dict(found.get("Item", {}))


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(StaleError) as caught:
        act()
    return str(caught.value)


# ---------------------------------------------------------------------------------------------- put


def test_a_new_automation_is_kept_as_its_first_version(store: AutomationStore) -> None:
    row, created = store.put(NAME, CRON)

    assert created
    assert (row.version, row.state, row.automation) == (1, "active", CRON)
    assert (row.created_at, row.changed_at, row.checked_until) == (NOON, NOON, NOON)
    assert row.etag.startswith('"')
    assert row.etag.endswith('"')
    assert store.get(NAME) == row


def test_another_definition_is_the_next_version_of_the_same_automation(store: AutomationStore, clock: Clock) -> None:
    first, _ = store.put(NAME, CRON)
    clock.forward(seconds=90)

    row, created = store.put(NAME, RATE)

    assert not created
    assert (row.version, row.created_at, row.changed_at) == (2, NOON, clock.now)
    assert row.etag != first.etag
    assert store.get(NAME) == row


def test_the_definition_that_stands_already_changes_nothing(store: AutomationStore, clock: Clock) -> None:
    first, _ = store.put(NAME, CRON)
    before = item(store)
    clock.forward(seconds=90)

    assert store.put(NAME, automation(scheduled())) == (first, False)
    assert item(store) == before


def test_what_was_and_comes_back_is_another_version(store: AutomationStore) -> None:
    etags = [store.put(NAME, definition)[0].etag for definition in (CRON, RATE, CRON)]

    assert len(set(etags)) == 3


def test_a_definition_that_the_table_could_not_hold_is_refused(store: AutomationStore) -> None:
    targets = [f"biz_{number:0100}" for number in range(1000)]
    large = {**scheduled(message="m" * 131_072), "targets": targets}

    assert store.put(NAME, automation(large))[1]
    assert read(store).automation == automation(large)
    escaped = {**large, "action": {**ACTION, "message_text": "\x00" * 60_000}}
    with pytest.raises(InputError, match=f"the limit is {MAX_BYTES}: name fewer targets"):
        store.put(NAME, automation(escaped))


# ---------------------------------------------------------------------------------------------- conditions of requests


@pytest.mark.parametrize("header", ["*", " * ", "{etag}", '"other", {etag}', '{etag},"other"'])
def test_a_change_of_the_version_that_is_named_is_made(store: AutomationStore, header: str) -> None:
    row, _ = store.put(NAME, CRON)

    assert store.put(NAME, RATE, if_match=header.format(etag=row.etag))[0].version == 2


@pytest.mark.parametrize("header", ['"other"', "W/{etag}", "other", '"a", "b"', "{bare}"])
def test_a_change_of_another_version_is_refused(store: AutomationStore, header: str) -> None:
    row, _ = store.put(NAME, CRON)
    named = header.format(etag=row.etag, bare=row.etag.strip('"'))

    assert f"its ETag is {row.etag} now" in refused(lambda: store.put(NAME, RATE, if_match=named))
    assert f"its ETag is {row.etag} now" in refused(lambda: store.put(NAME, CRON, if_match=named))
    assert refused(lambda: store.begin_delete(NAME, if_match=named))
    assert store.get(NAME) == row


@pytest.mark.parametrize("header", ["*", '"other"'])
def test_a_change_of_what_does_not_exist_is_refused(store: AutomationStore, header: str) -> None:
    assert "it does not exist" in refused(lambda: store.put(NAME, CRON, if_match=header))
    assert "it does not exist" in refused(lambda: store.begin_delete(NAME, if_match=header))
    assert store.read(NAME) is None


def test_a_change_that_is_repeated_with_its_first_condition_is_done_already(store: AutomationStore) -> None:
    first, _ = store.put(NAME, CRON)
    changed, _ = store.put(NAME, RATE, if_match=first.etag)

    assert store.put(NAME, RATE, if_match=first.etag) == (changed, False)
    assert refused(lambda: store.put(NAME, WEBHOOK, if_match=first.etag))


def test_a_request_that_only_creates_does_not_change(store: AutomationStore) -> None:
    row, created = store.put(NAME, CRON, if_none_match="*")

    assert created
    assert refused(lambda: store.put(NAME, RATE, if_none_match="*"))
    assert store.get(NAME) == row
    assert store.put(NAME, RATE, if_none_match='"other"')[0].version == 2


def test_a_creation_that_is_repeated_with_its_condition_is_done_already(store: AutomationStore) -> None:
    first, _ = store.put(NAME, CRON, if_none_match="*")

    assert store.put(NAME, CRON, if_none_match="*") == (first, False)
    store.put(NAME, RATE)
    store.put(NAME, CRON)
    assert refused(lambda: store.put(NAME, CRON, if_none_match="*"))
    store.begin_delete(NAME)
    again, created = store.put(NAME, CRON, if_none_match="*")
    assert (created, store.put(NAME, CRON, if_none_match="*")) == (True, (again, False))
    assert refused(lambda: store.put(NAME, CRON, if_match=first.etag, if_none_match="*"))


@pytest.mark.parametrize(
    "definition",
    [scheduled("at(2026-11-20T12:00:00)"), scheduled("cron(* * * * ? *)", end="2026-11-20T12:00:59Z")],
)
def test_what_is_over_when_it_comes_to_be_written_is_refused(store: AutomationStore, definition: Json) -> None:
    with pytest.raises(InputError, match=r"trigger\.expression: .* never fires from now on: it is 2026-11-20T12:00:00"):
        store.put(NAME, automation(definition))
    assert store.read(NAME) is None


# ---------------------------------------------------------------------------------------------- at the same time


class Meanwhile:
    """A client that lets somebody else act before its next write."""

    def __init__(self) -> None:
        self.act: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            if self.act is not None and name in ("put_item", "update_item", "delete_item"):
                act, self.act = self.act, None
                act()
            return getattr(dynamodb(), name)(**request)

        return call


@pytest.fixture
def meanwhile() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def disturbed(clock: Clock, meanwhile: Meanwhile) -> AutomationStore:
    """A store between whose reads and writes somebody else acts."""
    client: Any = meanwhile
    return make_store(clock, client)


def quiet(store: AutomationStore) -> AutomationStore:
    return AutomationStore(dynamodb(), store.table, store.clock)


def test_of_two_that_change_the_same_version_one_is_refused(disturbed: AutomationStore, meanwhile: Meanwhile) -> None:
    first, _ = disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE, if_match=first.etag)

    assert refused(lambda: disturbed.put(NAME, WEBHOOK, if_match=first.etag))
    assert read(disturbed).automation == RATE


def test_of_two_that_create_one_changes_what_the_other_made(disturbed: AutomationStore, meanwhile: Meanwhile) -> None:
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    row, created = disturbed.put(NAME, CRON)

    assert (row.version, created) == (2, False)
    assert read(disturbed).automation == CRON


def test_of_two_that_only_create_one_is_refused(disturbed: AutomationStore, meanwhile: Meanwhile) -> None:
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE, if_none_match="*")

    assert refused(lambda: disturbed.put(NAME, CRON, if_none_match="*"))
    assert read(disturbed).automation == RATE


def test_a_deletion_of_the_version_before_is_refused(disturbed: AutomationStore, meanwhile: Meanwhile) -> None:
    first, _ = disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    assert refused(lambda: disturbed.begin_delete(NAME, if_match=first.etag))
    assert read(disturbed).state == "active"


def test_a_deletion_without_a_condition_deletes_what_came_in_between(
    disturbed: AutomationStore, meanwhile: Meanwhile
) -> None:
    disturbed.put(NAME, CRON)
    meanwhile.act = lambda: quiet(disturbed).put(NAME, RATE)

    row = disturbed.begin_delete(NAME)

    assert isinstance(row, AutomationRow)
    assert (row.automation, row.state) == (RATE, "deleting")


def test_the_sweep_leaves_alone_what_was_changed_in_between(store: AutomationStore) -> None:
    row, _ = store.put(NAME, CRON)
    store.put(NAME, RATE)
    before = item(store)

    assert not store.finish(row)
    assert not store.mark_checked(row, NOON + timedelta(hours=1))
    assert not store.end_delete(row)
    assert item(store) == before


def test_a_write_whose_answer_got_lost_is_ones_own(clock: Clock) -> None:
    fault = "answer lost"
    world = World(clock, timedelta(minutes=1))
    client: Any = FaultyAws(world, dynamodb())
    store = make_store(clock, client)

    with world.process({1: fault}):
        row, created = store.put(NAME, at(NOON + timedelta(hours=1)))
    assert created
    with world.process({0: fault}):
        assert store.finish(row)
    row = read(store)
    with world.process({0: fault}):
        assert store.mark_checked(row, NOON + timedelta(hours=2))
    with world.process({1: fault}):
        deleting = store.begin_delete(NAME)
    assert deleting is not None
    with world.process({0: fault}):
        assert store.end_delete(deleting)
    assert item(store) == {}


def test_an_error_of_the_table_is_told(clock: Clock) -> None:
    lost = AutomationStore(dynamodb(), "no-such-table", clock)
    row, _ = make_store(clock).put(NAME, CRON)

    for act in (lambda: lost.put(NAME, CRON), lambda: lost.finish(row), lambda: lost.end_delete(row)):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            act()


# ---------------------------------------------------------------------------------------------- delete


def test_an_automation_that_is_being_deleted_is_gone_for_everybody(store: AutomationStore) -> None:
    store.put(NAME, WEBHOOK)

    row = store.begin_delete(NAME)

    assert row is not None
    assert store.get(NAME) is None
    assert store.list() == []
    assert list(store.webhook_automations()) == []
    assert store.begin_delete(NAME) == read(store)
    assert store.end_delete(row)
    assert item(store) == {}
    assert store.begin_delete(NAME) is None


def test_what_is_written_while_it_is_deleted_begins_anew_and_stays(store: AutomationStore, clock: Clock) -> None:
    first, _ = store.put(NAME, RATE)
    deleting = store.begin_delete(NAME)
    assert deleting is not None
    clock.forward(minutes=3)

    row, created = store.put(NAME, RATE, if_none_match="*")

    assert created
    assert (row.version, row.created_at, row.rate_start) == (2, clock.now, clock.now + timedelta(minutes=1))
    assert row.etag != first.etag
    assert not store.end_delete(deleting)
    assert store.get(NAME) == row


def test_what_is_being_deleted_cannot_be_changed_on_a_condition(store: AutomationStore) -> None:
    row, _ = store.put(NAME, CRON)
    store.begin_delete(NAME)

    assert refused(lambda: store.put(NAME, RATE, if_match=row.etag))
    assert refused(lambda: store.put(NAME, CRON, if_match="*"))


# ---------------------------------------------------------------------------------------------- the clock


def test_a_rate_keeps_its_start_while_its_clockwork_stays(store: AutomationStore, clock: Clock) -> None:
    row, _ = store.put(NAME, RATE)
    assert row.rate_start == NOON + timedelta(minutes=1)
    clock.forward(minutes=7)
    for definition in (
        scheduled("rate(5 minutes)", message="another"),
        scheduled("rate(5 minutes)", enabled=False),
        scheduled("rate(5 minutes)", end="2027-01-01T00:00:00Z"),
    ):
        assert store.put(NAME, automation(definition))[0].rate_start == row.rate_start


@pytest.mark.parametrize(
    ("definition", "start"),
    [
        (scheduled("rate(4 minutes)"), NOON + timedelta(minutes=8)),
        (scheduled("rate(5 minutes)", timezone="Europe/London"), NOON + timedelta(minutes=8)),
        (scheduled("rate(5 minutes)", start="2027-01-01T00:00:00Z"), datetime.fromisoformat("2027-01-01T00:00:00Z")),
        (scheduled(), None),
        (listening(), None),
    ],
)
def test_a_rate_with_another_clockwork_is_counted_anew(
    store: AutomationStore, clock: Clock, definition: Json, start: datetime | None
) -> None:
    store.put(NAME, RATE)
    clock.forward(minutes=7)

    assert store.put(NAME, automation(definition))[0].rate_start == start
    assert read(store).rate_start == start


def test_slots_count_as_unchecked_from_the_moment_the_trigger_was_written(store: AutomationStore, clock: Clock) -> None:
    row, _ = store.put(NAME, CRON)
    clock.forward(hours=1)
    assert store.mark_checked(row, NOON + timedelta(minutes=30))

    kept, _ = store.put(NAME, automation(scheduled(message="another")))
    assert kept.checked_until == NOON + timedelta(minutes=30)
    assert store.put(NAME, RATE)[0].checked_until == clock.now


@pytest.mark.parametrize(
    ("before", "after", "is_kept"),
    [
        ({}, {"end": "2026-11-30T00:00:00Z"}, True),
        ({"end": "2026-11-30T00:00:00Z"}, {}, True),
        ({"end": "2026-11-30T00:00:00Z"}, {"end": "2026-11-29T00:00:00Z"}, True),
        ({"end": "2026-11-20T12:30:00Z"}, {}, False),
        ({"end": "2026-11-20T13:00:00Z"}, {"end": "2026-11-30T00:00:00Z"}, False),
        ({}, {"enabled": False}, False),
        ({"enabled": False}, {}, False),
        ({}, {"timezone": "Europe/London"}, False),
        ({}, {"start": "2026-11-21T00:00:00Z"}, False),
    ],
)
def test_slots_stay_unchecked_as_long_as_they_are_the_same(
    store: AutomationStore, clock: Clock, before: Json, after: Json, *, is_kept: bool
) -> None:
    store.put(NAME, automation(scheduled("cron(30 * * * ? *)", **before)))
    clock.forward(hours=1)

    row, _ = store.put(NAME, automation(scheduled("cron(30 * * * ? *)", **after)))

    assert row.checked_until == (NOON if is_kept else clock.now)


@pytest.mark.parametrize(
    ("before", "after"), [(WEBHOOK, CRON), (CRON, WEBHOOK), (WEBHOOK, automation(listening("plan.created")))]
)
def test_what_listens_has_no_slots_to_check(
    store: AutomationStore, clock: Clock, before: Automation, after: Automation
) -> None:
    store.put(NAME, before)
    clock.forward(hours=1)

    assert store.put(NAME, after)[0].checked_until == clock.now


def test_when_targets_changed_is_known_until_they_change_again(store: AutomationStore, clock: Clock) -> None:
    assert store.put(NAME, CRON)[0].targets_at == NOON
    for definition in (scheduled(message="another"), scheduled("rate(5 minutes)")):
        clock.forward(hours=1)
        assert store.put(NAME, automation(definition))[0].targets_at == NOON

    others = automation(scheduled() | {"targets": ["biz_B"]})
    assert store.put(NAME, others)[0].targets_at == clock.forward(hours=0) == read(store).targets_at
    store.begin_delete(NAME)
    clock.forward(hours=1)
    assert store.put(NAME, others)[0].targets_at == clock.now


def test_when_the_trigger_changed_is_known_until_it_changes_again(store: AutomationStore, clock: Clock) -> None:
    store.put(NAME, CRON)
    clock.forward(hours=1)
    others = scheduled() | {"targets": ["biz_B"], "description": "why"}
    assert store.put(NAME, automation(others))[0].trigger_at == NOON == read(store).trigger_at
    clock.forward(hours=1)

    assert store.put(NAME, automation(scheduled(enabled=False)))[0].trigger_at == clock.now == read(store).trigger_at
    store.begin_delete(NAME)
    clock.forward(hours=1)
    assert store.put(NAME, automation(scheduled(enabled=False)))[0].trigger_at == clock.now


def test_where_nobody_kept_when_the_trigger_changed_it_changed_with_the_row(store: AutomationStore) -> None:
    store.put(NAME, CRON)
    dynamodb().update_item(
        TableName=store.table,
        Key={"name": {"S": NAME}},
        UpdateExpression="SET changed_at = :later REMOVE trigger_at",
        ExpressionAttributeValues={":later": {"S": "2026-11-20T12:30:00.000Z"}},
    )

    assert read(store).trigger_at == NOON + timedelta(minutes=30)


def test_checking_changes_no_version(store: AutomationStore) -> None:
    row, _ = store.put(NAME, CRON)
    store.mark_checked(row, NOON + timedelta(hours=1))

    assert (read(store).etag, read(store).changed_at) == (row.etag, row.changed_at)


def test_a_one_off_that_is_done_is_kept_for_seven_days(store: AutomationStore, clock: Clock) -> None:
    row, _ = store.put(NAME, at(NOON + timedelta(hours=1)))
    clock.forward(hours=3)

    assert store.finish(row)
    assert item(store)["ttl"] == {"N": str(int((clock.now + KEEP_DONE).timestamp()))}
    assert (read(store).state, read(store).changed_at) == ("done", clock.now)


def test_any_other_that_is_done_is_kept(store: AutomationStore) -> None:
    row, _ = store.put(NAME, automation(scheduled(end="2026-11-24T00:00:00Z")))

    assert store.finish(row)
    assert "ttl" not in item(store)


def test_what_is_done_lives_again_when_it_is_written_anew(store: AutomationStore) -> None:
    store.finish(store.put(NAME, at(NOON + timedelta(hours=1)))[0])

    row, created = store.put(NAME, at(NOON + timedelta(hours=2)))

    assert (row.state, row.version, created) == ("active", 2, False)
    assert "ttl" not in item(store)


def test_what_is_done_is_deleted_without_a_trace(store: AutomationStore) -> None:
    store.finish(store.put(NAME, at(NOON + timedelta(hours=1)))[0])

    row = store.begin_delete(NAME)

    assert row is not None
    assert "ttl" not in item(store)
    assert store.end_delete(row)


# ---------------------------------------------------------------------------------------------- found


def test_all_are_listed_by_name_however_many_pages_they_take(store: AutomationStore) -> None:
    names = [f"automation-{number:02}" for number in range(12)]
    for name in reversed(names):
        # A page holds 1 MB.
        store.put(name, automation(scheduled(message=name + "m" * 120_000)))

    assert [row.name for row in store.list()] == names


def test_those_that_listen_are_found_and_no_others(store: AutomationStore) -> None:
    store.put("listens", WEBHOOK)
    store.put("off", automation(listening(enabled=False)))
    store.put("clock", CRON)
    store.put("was-listening", WEBHOOK)
    store.put("was-listening", CRON)
    store.put("deleted", WEBHOOK)
    store.begin_delete("deleted")

    assert [row.name for row in store.webhook_automations()] == ["listens"]


def test_rows_are_found_in_whatever_state(store: AutomationStore) -> None:
    for name, definition in {"on": CRON, "off": automation(scheduled(enabled=False)), "listens": WEBHOOK}.items():
        store.put(name, definition)
    store.finish(store.put("done", at(NOON + timedelta(hours=1)))[0])
    store.put("deleted", CRON)
    store.begin_delete("deleted")

    assert {row.name for row in store.rows()} == {"on", "off", "listens", "done", "deleted"}


def test_a_row_knows_its_next_slot(store: AutomationStore, clock: Clock) -> None:
    rate, _ = store.put("rate", RATE)
    assert rate.next_slot(NOON) == NOON + timedelta(minutes=1)
    assert rate.fires_after(clock.now)
    listening_row, _ = store.put("listens", WEBHOOK)
    assert listening_row.next_slot(NOON) is None
    assert not listening_row.fires_after(NOON)


def test_texts_in_any_script_are_kept_in_their_own_size(store: AutomationStore) -> None:
    store.put(NAME, automation(scheduled(message="週" * 43_690)))

    assert read(store).automation == automation(scheduled(message="週" * 43_690))


def test_rows_are_read_as_they_are_even_if_limits_are_lower_now(store: AutomationStore) -> None:
    large = Automation.model_validate(scheduled(message="m" * 100_000), context={"max_message_bytes": 131072})

    store.put(NAME, large)

    assert read(store).automation == large
