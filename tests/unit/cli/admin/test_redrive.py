"""`aichats admin redrive` on a queue that never gets empty."""

from typing import Any, cast

import pytest

from aichats_cli.admin import redrive
from tests.support.fakes import FakeClock


class EndlessQueue:
    """SQS with a queue that has another message every 10 seconds."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._first_is_visible = clock() + redrive.HIDDEN_SECONDS
        self.received = 0

    def receive_message(self, **_request: Any) -> dict[str, Any]:
        self._clock.sleep(10)
        self.received += 1
        assert self._clock() < self._first_is_visible
        return {"Messages": [{"Body": "{}", "ReceiptHandle": str(self.received)}]}

    def delete_message(self, **_request: Any) -> None:
        pass


def test_it_ends_before_a_message_would_come_again_and_says_that_some_may_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(redrive, "time", clock)
    sqs, notes = EndlessQueue(clock), list[str]()

    moved = redrive.redrive(cast("Any", sqs), "dead letters", lambda _body: None, notes.append)

    assert moved == redrive.Moved(sqs.received, [])
    assert notes == ["stopped after 300 s. To send messages that are left, type the command again"]
