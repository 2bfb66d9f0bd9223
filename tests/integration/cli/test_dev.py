"""`aichats dev fault`, `state` and `reset` on a local stack."""

from pathlib import Path

import httpx
import pytest

from aichats_cli.profiles import Profile, Profiles, change, path_of
from tests.support.lambda_calls import LOCAL
from tests.support.laptop import MOCKS, Laptop

CREATE = "/api/v1/ai_chats"


def create(laptop: Laptop) -> int:
    """Create a chat at the mock of Whop. Return the status of the answer."""
    headers = {"Authorization": "Bearer key"}
    return laptop.mocks["whop"].request("POST", CREATE, json={"message_text": "Hi"}, headers=headers).status_code


def test_the_next_chats_are_rejected_as_often_as_was_typed(laptop: Laptop) -> None:
    added = laptop("dev", "fault", "whop", "403", "--times", "2")

    assert added.out.splitlines()[1].split() == ["status:403", "2", "POST", CREATE]
    assert [create(laptop) for _ in range(3)] == [403, 403, 200]


@pytest.mark.parametrize(("mock", "path"), [("whop", CREATE), ("kodey", "/chat"), ("receiver", "/*")])
def test_without_a_path_a_fault_meets_what_creates_a_chat_or_delivers_an_event(
    laptop: Laptop, mock: str, path: str
) -> None:
    assert laptop("dev", "fault", mock, "500", "-o", "json").json == [
        {"method": "POST", "path": path, "times": 1, "fault": "status:500"}
    ]


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("599", "status:599"),
        ("drop-before", "drop_before"),
        ("drop-after", "drop_after"),
        ("error-after", "error_after"),
        ("malformed", "malformed"),
        ("delay:1.5", "delay:1.5"),
        ("late:2", "late:2"),
    ],
)
def test_every_fault_of_the_mock_servers_can_be_typed(laptop: Laptop, typed: str, fault: str) -> None:
    assert laptop("dev", "fault", "whop", typed, "-o", "name").out == f"{fault}\n"


def test_the_delay_has_an_option(laptop: Laptop) -> None:
    assert laptop("dev", "fault", "receiver", "--delay", "5", "-o", "name").out == "delay:5\n"


def test_other_requests_can_be_named(laptop: Laptop) -> None:
    (fault,) = laptop(
        *("dev", "fault", "whop", "429", "--method", "patch", "--path", f"{CREATE}/aich_1", "-o", "json")
    ).json
    assert (fault["method"], fault["path"]) == ("PATCH", f"{CREATE}/aich_1")


def test_faults_are_added_to_those_to_come_until_they_are_cleared(laptop: Laptop) -> None:
    laptop("dev", "fault", "whop", "403")
    both = laptop("dev", "fault", "whop", "500", "-o", "name")
    replaced = laptop("dev", "fault", "whop", "429", "--clear", "-o", "name")
    cleared = laptop("dev", "fault", "whop", "--clear")

    assert (both.out, replaced.out) == ("status:403\nstatus:500\n", "status:429\n")
    assert (cleared.out, cleared.err) == ("", "the mock server whop has no faults to come\n")
    assert create(laptop) == 200


@pytest.mark.parametrize("typed", ["200", "600", "403 ", "drop", "delay", "delay:x", "delay:1e-05"])
def test_an_unknown_fault_names_those_that_exist(laptop: Laptop, typed: str) -> None:
    failed = laptop("dev", "fault", "whop", typed)

    assert failed.code == 2
    assert failed.err.startswith(f"Error: {typed} is not a fault\n  → use a status from 400 to 599, drop-before")


@pytest.mark.parametrize("arguments", [[], ["403", "--delay", "5"]])
def test_one_fault_must_be_named(laptop: Laptop, arguments: list[str]) -> None:
    assert laptop("dev", "fault", "whop", *arguments).code == 2


def test_a_request_that_the_mock_server_does_not_have_is_an_error_that_names_those_it_has(laptop: Laptop) -> None:
    failed = laptop("dev", "fault", "whop", "403", "--path", "/chats")

    assert failed.code == 1
    assert failed.err.startswith("Error: POST /chats is not an operation. Use one of GET /api/v1/ai_chats")


def test_a_fault_is_not_sent_again_because_twice_as_many_requests_would_fail(laptop: Laptop) -> None:
    sent: list[str] = []

    def lose_the_answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/_control/faults":
            return laptop.local_answer(request)
        sent.append(request.url.path)
        raise httpx.ReadTimeout("timed out")

    laptop.interfere = lose_the_answer
    failed = laptop("dev", "fault", "whop", "403")

    assert (failed.code, len(sent)) == (1, 1)
    assert f"can't reach {MOCKS['whop']}" in failed.err


def test_the_state_shows_the_chats(laptop: Laptop) -> None:
    create(laptop)

    shown = laptop("dev", "state", "whop")

    assert shown.out.splitlines()[0].split() == ["CHAT", "COMPANY", "NOTIFICATIONS", "TITLE"]
    assert shown.out.splitlines()[1].startswith("aich_")
    assert "Requests that it received: 1." in shown.err
    assert laptop("dev", "state", "whop", "-o", "json").json["requests"][0]["status"] == 200


def test_the_state_shows_what_the_receiver_got(laptop: Laptop) -> None:
    laptop.mocks["receiver"].request("POST", "/slack", json={}, headers={"webhook-id": "evt_1"})

    assert laptop("dev", "state", "receiver").out.splitlines()[1].split() == [
        "evt_1", "/slack", "missing", "no", "200",
    ]  # fmt: skip
    assert laptop("dev", "state", "receiver", "-o", "name").out == "evt_1\n"


def test_the_state_of_kodey_has_the_number_of_messages(laptop: Laptop) -> None:
    laptop.mocks["kodey"].request(
        "POST", "/chat", json={"agentId": "agent_sales"}, headers={"x-api-key": "sk_live_local"}
    )
    assert laptop("dev", "state", "kodey").out.splitlines()[1].split()[1:] == ["agent_sales", "0"]


def test_a_reset_empties_the_mock_servers(laptop: Laptop) -> None:
    create(laptop)
    laptop("dev", "fault", "whop", "403")

    reset = laptop("dev", "reset", "-o", "name")

    assert reset.out == "whop\nkodey\nreceiver\n"
    assert laptop.mocks["whop"].state()["chats"] == []
    assert create(laptop) == 200


def test_after_a_login_elsewhere_the_local_stack_is_meant(laptop: Laptop, tmp_path: Path) -> None:
    laptop.variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    profile = Profile("prod", "https://api.example", LOCAL)
    change(path_of(laptop.variables), lambda _: Profiles({"prod": profile}, "prod"))

    assert laptop("dev", "reset").code == 0
    assert set(laptop.origins) == {"http://127.0.0.1:3000"}
    assert laptop("auto", "list").code == 0
    assert laptop.origins[-1] == "https://api.example"


@pytest.mark.parametrize("command", [["fault", "whop", "403"], ["state", "whop"], ["reset"]])
def test_a_stack_that_is_named_and_is_not_local_is_never_touched(laptop: Laptop, command: list[str]) -> None:
    laptop.variables["AICHATS_URL"] = "https://api.example"

    failed = laptop("dev", *command)

    assert failed.code == 1
    assert "is not a local stack: https://api.example\n  → use the local stack: --profile local" in failed.err
    assert laptop.origins == []


def test_options_for_the_start_do_nothing_for_a_stack_that_runs_so_they_are_an_error(laptop: Laptop) -> None:
    failed = laptop("dev", "--port", "3100", "reset")

    assert failed.code == 2
    assert "export AICHATS_URL=http://127.0.0.1:PORT" in failed.err
