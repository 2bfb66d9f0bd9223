"""``/events``: the known types with examples, and test events."""

import re
from typing import Any

import httpx
import pytest

from aichats.api.app import create_api
from aichats.api.problems import RETRY_AFTER
from aichats.bootstrap import Application
from aichats.whop.event_examples import EXAMPLE_ACCOUNT
from aichats.whop.webhooks import known_event_types
from tests.support.automations import listening
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json, ScriptedTransport, aws_error, page
from tests.support.lambda_calls import SECRETS, SIGNED_WITH, WEBHOOK_SECRET, Answer, HttpCaller, http_event
from tests.support.own_webhook import OwnNetwork, with_own_webhook
from tests.support.runs_api import items

OTHER = "ws_" + "fedcba9876543210" * 4
NO_CONNECTION = httpx.ConnectError("refused")


class Bench:
    """An API whose automation ``weekly`` listens for failed payments."""

    def __init__(self, secrets: FakeSecretsManager, **settings: object) -> None:
        self.sqs = FakeSqs()
        self.app: Application
        self.network: OwnNetwork
        # The PUT asks Whop for the webhooks of both API keys.
        self.app, self.network = with_own_webhook(
            ScriptedTransport(*[page()] * 4), sqs=self.sqs, secrets=secrets, **settings
        )
        self.api = HttpCaller(create_api(self.app).resolve)
        self.listen()

    def listen(self, text: str = "{{ event.data.failure_message }}", **more: Any) -> None:
        action = {"type": "whop.create_chat", "message_text": text}
        definition = listening(targets=("{{ event.account_id }}",)) | {"action": action, **more}
        assert self.api("PUT", "/automations/weekly", definition).status < 300

    def send(self, event_type: str = "payment.failed", key: str | None = None, **more: object) -> Answer:
        return self.api("POST", "/events/test", {"type": event_type, **more}, headers={"idempotency-key": key})

    def send_to(self, domain: str, **headers: str) -> list[str]:
        """Send a test event to this domain. Return the URLs that were called."""
        event = http_event("POST", "/events/test", {"type": "plan.created"}, headers=headers)
        event["requestContext"]["domainName"] = domain
        assert self.api.send(event).status == 200
        return [str(request.url) for request in self.network.deliveries]

    @property
    def runs(self) -> set[str]:
        """The ids of all runs."""
        return {item["run_id"]["S"] for item in items(self.app) if "attempts" in item}

    def text_of(self, run_id: str) -> str:
        row = self.app.ledger.get(run_id)
        assert row is not None
        assert row.run.action.type == "whop.create_chat"
        return str(row.run.action.message)


@pytest.fixture
def secrets() -> FakeSecretsManager:
    return FakeSecretsManager(SECRETS)


@pytest.fixture
def bench(secrets: FakeSecretsManager) -> Bench:
    return Bench(secrets)


# ---------------------------------------------------------------------------------------------- types


def test_all_known_types_are_listed_by_name_each_with_an_example(bench: Bench) -> None:
    listed = bench.api("GET", "/events/types").json["data"]

    assert [each["type"] for each in listed] == sorted(known_event_types())
    assert all(each["example"]["type"] == each["type"] for each in listed)


@pytest.mark.parametrize(("wanted", "found"), [("plan.created", ["plan.created"]), ("plan.exploded", [])])
def test_one_type_can_be_selected(bench: Bench, wanted: str, found: list[str]) -> None:
    answer = bench.api("GET", "/events/types", query=f"type={wanted}")

    assert [each["type"] for each in answer.json["data"]] == found


def test_a_type_of_the_wrong_form_is_rejected(bench: Bench) -> None:
    answer = bench.api("GET", "/events/types", query="type=plan%20created")

    assert (answer.status, answer.fields) == (422, ["type"])


# ---------------------------------------------------------------------------------------------- what a test event does


def test_a_test_event_starts_the_runs_of_the_automations_that_listen_for_it(bench: Bench) -> None:
    answer = bench.send()

    assert (answer.status, answer.json["status"]) == (200, 202)
    assert [sent.run_id for sent in bench.sqs.sent] == answer.json["run_ids"]
    [run_id] = answer.json["run_ids"]
    row = bench.app.ledger.get(run_id)
    assert row is not None
    assert (row.run.trigger, row.run.automation, row.run.target) == ("webhook", "weekly", EXAMPLE_ACCOUNT)
    assert bench.text_of(run_id) == "Your card has insufficient funds."


def test_its_runs_have_a_label_with_its_id_beside_those_of_the_automation(bench: Bench) -> None:
    bench.listen(labels={"team": "billing"})
    answer = bench.send()

    row = bench.app.ledger.get(answer.json["run_ids"][0])
    assert re.fullmatch("msg_test_[a-z2-7]{32}", answer.json["webhook_id"])
    assert row is not None
    assert row.run.labels == {"team": "billing", "test": answer.json["webhook_id"]}


def test_its_id_is_in_the_event(bench: Bench) -> None:
    bench.listen("{{ event.id }}")
    answer = bench.send()

    assert bench.text_of(answer.json["run_ids"][0]) == answer.json["event_id"]


def test_fields_of_data_replace_those_of_the_example(bench: Bench) -> None:
    bench.listen(
        "{{ event.data.failure_message }} {{ event.data.user.name }} {{ event.data.user.username || 'nobody' }}"
    )
    answer = bench.send(data={"user": {"name": "Zoë"}})

    assert bench.text_of(answer.json["run_ids"][0]) == "Your card has insufficient funds. Zoë nobody"


def test_large_data_arrives_whole(bench: Bench) -> None:
    bench.listen("{{ length(event.data.note) }}")
    answer = bench.send(data={"note": "n" * 2_000_000})

    assert bench.text_of(answer.json["run_ids"][0]) == "2000000"


def test_an_event_for_which_no_automation_listens_starts_nothing(bench: Bench) -> None:
    assert bench.send("plan.created").json["run_ids"] == []
    assert bench.sqs.sent == []


def test_the_same_key_starts_nothing_again(bench: Bench) -> None:
    first, again, other = (bench.send(key=key) for key in ("a", "a", "b"))

    assert again.json == first.json
    assert other.json["webhook_id"] != first.json["webhook_id"]
    assert bench.runs == {*first.json["run_ids"], *other.json["run_ids"]}
    assert len(bench.runs) == 2


def test_without_a_key_each_event_is_another_one(bench: Bench) -> None:
    assert bench.send().json["webhook_id"] != bench.send().json["webhook_id"]


def test_a_key_belongs_to_one_body(bench: Bench) -> None:
    bench.send(key="a")
    answer = bench.send(key="a", data={"note": "other"})

    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "payment.exploded"}, "type"),
        ({"type": "payment failed"}, "type"),
        ({"data": {}}, "type"),
        ({"type": "payment.failed", "data": ["note"]}, "data"),
        ({"type": "payment.failed", "data": None}, "data"),
        ({"type": "payment.failed", "account_id": "A"}, "account_id"),
        ({"type": "payment.failed", "id": "evt_1"}, "id"),
    ],
)
def test_a_wrong_event_is_rejected_and_not_sent(bench: Bench, event: Json, field: str) -> None:
    answer = bench.api("POST", "/events/test", event)

    assert (answer.status, answer.fields) == (422, [field])
    assert bench.network.deliveries == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '"\\ud800"'])
def test_data_that_is_no_json_is_rejected_and_not_sent(bench: Bench, value: str) -> None:
    body = '{"type": "payment.failed", "data": {"deep": [{"note": 1}]}}'.replace("1", value)
    answer = bench.api("POST", "/events/test", body)

    assert answer.status == 422
    assert bench.network.deliveries == []


# ---------------------------------------------------------------------------------------------- where it goes


@pytest.mark.parametrize(
    ("domain", "base_url"),
    [
        ("a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"),
        ("chats.example.com", "https://chats.example.com"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("localhost:3001", "http://localhost:3001"),
        ("localhost.example.com", "https://localhost.example.com"),
    ],
)
def test_it_goes_to_the_domain_that_was_called(bench: Bench, domain: str, base_url: str) -> None:
    assert bench.send_to(domain) == [f"{base_url}/webhooks/whop"]


def test_in_a_container_of_sam_local_it_goes_to_the_machine_of_the_container(secrets: FakeSecretsManager) -> None:
    bench = Bench(secrets, aws_sam_local=True)

    urls = bench.send_to("localhost", **{"x-forwarded-port": "3005"})

    assert urls == ["http://host.docker.internal:3005/webhooks/whop"]


def test_during_a_rotation_it_is_signed_with_both_secrets(bench: Bench, secrets: FakeSecretsManager) -> None:
    secrets.values[WEBHOOK_SECRET] = {"secrets": [OTHER, SIGNED_WITH]}
    assert bench.send().status == 200

    [request] = bench.network.deliveries
    assert len(request.headers["webhook-signature"].split(" ")) == 2


# ---------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("value", [{}, {"secrets": []}, aws_error("ResourceNotFoundException")])
def test_without_a_secret_it_is_rejected_with_what_to_type(secrets: FakeSecretsManager, value: Any) -> None:
    secrets.values[WEBHOOK_SECRET] = value
    bench = Bench(secrets)
    answer = bench.send()

    assert (answer.status, answer.json["type"]) == (409, "/docs/problems#conflict")
    assert "aichats admin webhook --stack <stack>" in answer.json["detail"]
    assert "aichats admin secret set webhook --stack <stack>" in answer.json["detail"]
    assert bench.network.deliveries == []


def test_a_secret_that_cannot_be_read_now_is_a_reason_to_retry(secrets: FakeSecretsManager) -> None:
    secrets.values[WEBHOOK_SECRET] = aws_error("ThrottlingException")
    answer = Bench(secrets).send()

    assert (answer.status, answer.headers["retry-after"]) == (503, RETRY_AFTER["Retry-After"])


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (
            httpx.Response(401, json={"detail": "webhook-signature fits none of the secrets"}),
            "fits none of the secrets",
        ),
        (httpx.Response(403, json={"message": "Forbidden"}), "Forbidden"),
        (httpx.Response(302, headers={"location": "https://example.com"}), "Found"),
        (httpx.Response(500, json={"detail": "not stored; deliver it again"}), "not stored"),
        (httpx.Response(200, text="<html>"), "can't be read"),
        (httpx.ReadTimeout("slow"), "no response in time"),
        (httpx.ReadError("cut"), "the response was lost"),
    ],
)
def test_a_webhook_that_does_not_accept_it_is_named_with_the_reason(
    bench: Bench, failure: httpx.Response | httpx.TransportError, reason: str
) -> None:
    bench.network.failure = failure
    answer = bench.send(data={"note": "private-note"})

    assert (answer.status, answer.json["type"]) == (502, "/docs/problems#test-event-not-delivered")
    assert "amazonaws.com/webhooks/whop didn't accept the test event: " in answer.json["detail"]
    assert reason in answer.json["detail"]
    assert "private-note" not in answer.body
    assert len(bench.network.deliveries) == 1


def test_nothing_of_the_event_or_the_secret_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for failure in (None, NO_CONNECTION, httpx.Response(401, json={"detail": f"private-note {SIGNED_WITH}"})):
        bench.network.failure = failure
        bench.send(data={"title": "private-note"})

    logged = "".join(str(vars(record)) for record in caplog.records)
    assert "call refused" in logged
    assert "private-note" not in logged


def test_a_retry_with_the_named_key_starts_the_runs_once(bench: Bench) -> None:
    bench.network.failure = httpx.ReadTimeout("slow")
    lost = bench.send()
    bench.network.failure = None
    named = re.search(r"Idempotency-Key: (batch:\S+)\. ", lost.json["detail"])
    assert named
    again = [bench.send(key=named[1]) for _ in range(2)]

    assert [answer.status for answer in again] == [200, 200]
    assert again[0].json == again[1].json
    assert bench.runs == set(again[0].json["run_ids"])


def test_a_test_event_can_be_of_a_company(secrets: FakeSecretsManager) -> None:
    bench = Bench(secrets)

    [run_id] = bench.send(account_id="biz_A").json["run_ids"]

    row = bench.app.ledger.get(run_id)
    assert row is not None
    assert row.run.target == "biz_A"
    assert bench.send(account_id="x").fields == ["account_id"]
