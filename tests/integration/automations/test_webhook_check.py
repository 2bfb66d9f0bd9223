"""The hourly check that Whop sends what automations listen for."""

from datetime import timedelta

import httpx
import pytest

from aichats.automations.webhook_check import CHECK_KEY, WebhookCheck, request_webhook_check
from aichats.aws.observability import metrics
from aichats.runs.providers.whop import WhopProvider
from tests.support.automations import listening, scheduled
from tests.support.fakes import Json, Step, error_response
from tests.support.lambda_calls import WHOP_SECRET
from tests.support.output import Output
from tests.support.stack_in_memory import StackInMemory
from tests.support.whop_in_memory import WEBHOOK_URL, WEBHOOKS, WhopInMemory, registered

SWEEP = timedelta(minutes=5)
LISTENS = listening("payment.failed")

pytestmark = pytest.mark.usefixtures("one_attempt", "no_metrics")


class Checked:
    """A stack whose sweep checks the webhook. Its clock moves in :meth:`sweep`."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.stack = StackInMemory()
        app = self.stack.app
        self.check = WebhookCheck(app.ledger.items, app.provider(WhopProvider), WEBHOOK_URL, self.stack.clock)
        self.stack.put(LISTENS)

    @property
    def whop(self) -> WhopInMemory:
        return self.stack.whop

    def sweep(self) -> None:
        """Check as a sweep does, then let five minutes pass."""
        self.check.check(self.stack.app.automation_table.contents().rows)
        self.stack.clock.forward(seconds=SWEEP.total_seconds())

    def sweeps(self, number: int) -> int:
        """Sweep several times. Return how often Whop was asked with the key of all companies."""
        before = self._asked
        for _ in range(number):
            self.sweep()
        return self._asked - before

    @property
    def _asked(self) -> int:
        return sum("account_id" not in request.url.params for request in self.whop.requests)

    def logs(self, message: str) -> list[Json]:
        return [log for log in self.output.logs if log["message"] == message]


@pytest.fixture
def checked(output: Output) -> Checked:
    assert output.text == ""
    return Checked(output)


def test_a_webhook_without_problems_is_checked_once_an_hour(checked: Checked) -> None:
    assert checked.sweeps(13) == 2
    assert checked.whop.calls == [f"GET {WEBHOOKS}"] * 2
    assert checked.output.text == ""


@pytest.mark.parametrize(
    ("webhook", "reason"),
    [
        (registered(url="https://other.example"), f"Whop has no webhook for {WEBHOOK_URL}"),
        (registered(enabled=False, disabled_reason="delivery_failures"), "disabled (delivery_failures)"),
        (registered(events=["payment.created"]), "Whop does not send payment.failed"),
        (registered(failing_since="2026-11-20T00:00:00Z"), "deliveries have failed since 2026-11-20 00:00 UTC"),
    ],
)
def test_a_problem_is_logged_with_the_command_and_counted_once_an_hour(
    checked: Checked, webhook: Json, reason: str
) -> None:
    checked.whop.webhooks = [webhook]

    assert checked.sweeps(12) == 1

    [log] = checked.logs("webhook needs repair")
    assert reason in log["reason"]
    assert (log["level"], log["url"], log["remedy"]) == ("ERROR", WEBHOOK_URL, "aichats admin webhook --stack …")
    assert counted(checked) == [1]
    assert checked.sweeps(1) == 1
    assert counted(checked) == [1, 1]


def test_a_repaired_webhook_ends_the_alarm_at_the_next_check_and_make_webhook_asks_for_one(checked: Checked) -> None:
    checked.whop.webhooks = []
    checked.sweep()
    checked.whop.webhooks = [registered()]
    assert checked.sweeps(1) == 0

    request_webhook_check(checked.check.items)

    assert checked.sweeps(3) == 1
    assert counted(checked) == [1, 0]


def test_without_automations_that_listen_whop_is_not_asked_and_an_alarm_ends(checked: Checked) -> None:
    checked.stack.put(scheduled())
    assert checked.sweeps(3) == 0
    checked.stack.put(listening("payment.failed", enabled=False))
    assert checked.sweeps(1) == 0
    assert counted(checked) == [0] * 4
    assert checked.check.items.get(CHECK_KEY) is None


@pytest.mark.parametrize(
    "failure",
    [error_response(429), error_response(503), httpx.ConnectError("no network"), httpx.ReadTimeout("slow")],
    ids=["429", "503", "no network", "slow"],
)
def test_if_whop_cannot_be_asked_the_next_sweep_asks_and_there_is_no_alarm(checked: Checked, failure: Step) -> None:
    checked.whop.interfere = lambda _: failure
    assert checked.sweeps(2) == 2
    assert [log["level"] for log in checked.logs("webhook not checked")] == ["WARNING"] * 2

    checked.whop.interfere = lambda _: None
    assert checked.sweeps(12) == 1
    assert counted(checked) == [0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_credential_that_may_not_ask_is_logged_once_an_hour_without_an_alarm(checked: Checked, status: int) -> None:
    checked.whop.interfere = lambda _: error_response(status)

    assert checked.sweeps(12) == 1

    [log] = checked.logs("webhook not checked")
    assert (log["level"], str(status) in log["reason"]) == ("WARNING", True)
    assert ("developer:manage_webhook" in log["reason"]) is (status == 403)
    assert counted(checked) == []


def test_a_key_that_may_not_ask_does_not_keep_the_key_of_a_company_from_finding_the_webhook(checked: Checked) -> None:
    checked.whop.interfere = lambda request: None if "account_id" in request.url.params else error_response(403)

    assert checked.sweeps(1) == 1

    assert checked.logs("webhook not checked") == []
    assert counted(checked) == [0]


@pytest.mark.parametrize("value", [{}, {"companies": {"biz_A": {"connection": "default"}}}])
def test_without_an_api_key_the_log_says_so_once_an_hour(checked: Checked, value: Json) -> None:
    checked.stack.secrets.values[WHOP_SECRET] = value

    assert checked.sweeps(12) == 0

    [log] = checked.logs("webhook not checked")
    assert "aichats admin secret set whop --stack …" in log["reason"]
    assert counted(checked) == []


def test_a_sweep_that_dies_in_its_check_leaves_the_check_to_the_next_sweep(checked: Checked) -> None:
    def die(_: httpx.Request) -> None:
        raise KeyboardInterrupt

    checked.whop.interfere = die
    with pytest.raises(KeyboardInterrupt):
        checked.sweep()
    checked.whop.interfere = lambda _: None
    checked.stack.clock.forward(seconds=1)
    assert checked.sweeps(1) == 0
    assert checked.sweeps(1) == 1


def test_of_two_sweeps_at_once_one_checks(checked: Checked) -> None:
    rows = list(checked.stack.app.automation_table.contents().rows)

    def second_sweep(_: httpx.Request) -> None:
        checked.stack.clock.forward(seconds=1)
        checked.check.check(rows)

    checked.whop.interfere = second_sweep
    checked.check.check(rows)
    assert len(checked.whop.requests) == 1


def counted(checked: Checked) -> list[float]:
    """Return the values of the metric in the order of the checks."""
    assert checked.output.metrics == []
    values: list[float] = metrics.metric_set.get("WebhookProblems", {"Value": []})["Value"]
    return values
