"""The events of connections: one when a connection breaks, and one when it works again."""

from datetime import UTC, datetime, timedelta

import pytest

from aichats.aws.secret_versions import SecretVersions
from aichats.events.model import SentEvent
from aichats.json_types import Json
from aichats.outbox.connection_events import ConnectionEvents
from aichats.outbox.stream import ItemChange
from aichats.whop.oauth import OAuthClient
from aichats.whop.renewal import Renewals
from tests.support.ledgers import Clock, make_ledger
from tests.support.oauth_in_memory import OAuthInMemory
from tests.support.secret_vault import SecretVault

PREFIX = "aichats/dev/whop/"
AGENCY = f"{PREFIX}agency"
KEY = "connection:agency"


def events(old: Json, new: Json) -> list[SentEvent]:
    """Return the events of a changed row."""
    entries = ConnectionEvents("stack", "runs").entries(ItemChange(KEY, old, new))
    return [entry.event for entry in entries if entry.event]


class RenewedConnection:
    """One connection, ``agency``, whose access token ends in one hour."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.whop = OAuthInMemory(self.clock)
        self.vault = SecretVault({AGENCY: self.whop.consent("agency")})
        self.table = make_ledger(self.clock).items
        oauth = OAuthClient("https://whop.invalid/api/v1", self.whop, 20.0)
        self.renewals = Renewals(self.table, SecretVersions(self.vault), oauth, PREFIX, self.clock)

    def renew_later(self, minutes: float = 40) -> list[SentEvent]:
        """Renew after some time. Return the events."""
        self.clock.forward(minutes=minutes)
        before = self.table.get(KEY) or {}
        self.renewals.renew("agency", timedelta(seconds=65))
        return events(before, self.table.get(KEY) or {})

    def log_in(self) -> None:
        self.vault.put(AGENCY, self.whop.consent("agency"))


@pytest.fixture
def connection() -> RenewedConnection:
    return RenewedConnection()


def test_a_connection_that_breaks_is_one_event_with_the_reason(connection: RenewedConnection) -> None:
    connection.whop.families["agency"].is_revoked = True

    [broken] = connection.renew_later()

    assert (broken.type, broken.time) == ("connection.broken", connection.clock.now)
    assert broken.data == {"connection": "agency", "reason": (connection.table.get(KEY) or {})["reason"]}
    assert [connection.renew_later() for _ in range(3)] == [[], [], []], "it stays broken"


def test_a_login_restores_a_broken_connection_before_its_first_renewal(connection: RenewedConnection) -> None:
    connection.whop.families["agency"].is_revoked = True
    connection.renew_later()
    connection.log_in()

    [restored] = connection.renew_later(minutes=10)

    assert (restored.type, restored.time) == ("connection.restored", connection.clock.now)
    assert restored.data == {"connection": "agency"}
    assert connection.renew_later() == [], "a renewal of a connection that works is no event"


def test_a_login_whose_token_ends_soon_is_restored_by_its_renewal(connection: RenewedConnection) -> None:
    connection.whop.families["agency"].is_revoked = True
    connection.renew_later()
    connection.log_in()

    [restored] = connection.renew_later(minutes=40)

    assert restored.type == "connection.restored"


def test_a_connection_that_breaks_again_is_another_event(connection: RenewedConnection) -> None:
    ids = set()
    for _ in range(2):
        connection.whop.families["agency"].is_revoked = True
        ids |= {event.id for event in connection.renew_later()}
        connection.log_in()
        ids |= {event.id for event in connection.renew_later(minutes=10)}

    assert len(ids) == 4


def test_a_renewal_that_fails_is_no_event(connection: RenewedConnection) -> None:
    connection.whop.faults = ["503"] * 4

    assert connection.renew_later() == []


def test_a_change_that_is_published_again_has_the_same_id() -> None:
    broken = {"run_id": KEY, "broken": "a", "broken_at": 1, "reason": "revoked"}

    assert events({}, broken) == events({"run_id": KEY, "owner": "another"}, broken)


def test_a_row_that_the_previous_version_wrote_is_an_event_too() -> None:
    broken = {"run_id": KEY, "broken": "a", "reason": "revoked"}

    times = [event.time for event in events({"begun_at": 5}, broken) + events(broken, {"run_id": KEY, "renewed_at": 6})]

    assert times == [datetime.fromtimestamp(5, UTC), datetime.fromtimestamp(6, UTC)]


def test_a_row_that_is_deleted_is_no_event() -> None:
    assert events({"run_id": KEY, "broken": "a"}, {}) == []
