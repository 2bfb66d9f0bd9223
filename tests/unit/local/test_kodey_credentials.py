import pytest

from tests.support.mock_servers import CHAT, KodeyInProcess

AGENT = "/agent"


def limits(kodey: KodeyInProcess, key: str | None) -> tuple[str, str, str]:
    headers = kodey.call("GET", key=key).headers
    return headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"]


@pytest.mark.parametrize("key", [None, ""])
def test_a_call_without_a_key_is_unauthorized_in_a_shape_of_its_own(kodey: KodeyInProcess, key: str | None) -> None:
    reply = kodey.call("GET", key=key)

    assert (reply.status_code, reply.json()) == (401, {"message": "Unauthorized: Invalid API key."})


def test_a_bearer_token_is_no_key(kodey: KodeyInProcess) -> None:
    reply = kodey.request("GET", CHAT, headers={"Authorization": "Bearer sk_live_a"})

    assert reply.status_code == 401


@pytest.mark.parametrize("key", ["sk_live_a", "usk_live_a", "anything"])
def test_a_secret_key_may_list_agents(kodey: KodeyInProcess, key: str) -> None:
    agents = kodey.request("GET", AGENT, headers={"x-api-key": key}).json()["agents"]

    assert [agent["id"] for agent in agents] == ["agent_support", "agent_sales"]
    assert all(set(agent) == {"id", "name", "description", "createdAt"} for agent in agents)
    assert agents[0]["createdAt"] == "2024-01-15T10:30:00Z"


def test_a_publishable_key_may_use_chats_but_not_list_agents(kodey: KodeyInProcess) -> None:
    chat = kodey.call("POST", json={"agentId": "agent_support"}, key="pk_live_a")
    rejected = kodey.request("GET", AGENT, headers={"x-api-key": "pk_live_a"})

    assert chat.status_code == 200
    body = rejected.json()
    assert (rejected.status_code, body.pop("error")) == (403, "Forbidden")
    assert "publishable" in body.pop("message")
    assert "sk_live_" in body.pop("upgradeInstructions")
    assert len(body.pop("allowedEndpoints")) == 6
    assert body == {}


def test_a_new_key_finds_the_chats_of_the_old_one(kodey: KodeyInProcess) -> None:
    kodey.create()

    assert len(kodey.call("GET", key="pk_live_b").json()["chats"]) == 1


@pytest.mark.parametrize(("key", "limit"), [("pk_live_a", 100), ("sk_live_a", 1000)])
def test_the_limit_depends_on_the_kind_of_key(kodey: KodeyInProcess, key: str, limit: int) -> None:
    statuses = [kodey.call("GET", key=key).status_code for _ in range(limit + 1)]

    assert statuses == [200] * limit + [429]


def test_every_response_has_the_remaining_rate_limit(kodey: KodeyInProcess) -> None:
    assert limits(kodey, "pk_live_a") == ("100", "99", "1800000060")
    kodey.advance(10)
    assert limits(kodey, "pk_live_a") == ("100", "98", "1800000060")
    kodey.advance(50)
    assert limits(kodey, "pk_live_a") == ("100", "98", "1800000070")
    assert limits(kodey, "sk_live_a") == ("1000", "999", "1800000120")
    assert limits(kodey, "usk_live_a") == ("1000", "999", "1800000120")


@pytest.mark.parametrize("fault", ["status:500", "status:429", "error_after", "malformed", "delay:0"])
def test_responses_of_faults_have_it_too(kodey: KodeyInProcess, fault: str) -> None:
    kodey.faults({"method": "GET", "path": CHAT, "fault": fault})

    assert limits(kodey, "sk_live_a")[0] == "1000"


def test_an_unauthorized_call_costs_nothing_and_has_a_limit_too(kodey: KodeyInProcess) -> None:
    assert [limits(kodey, None) for _ in range(2)] == [("100", "100", "1800000000")] * 2


def test_the_call_past_the_limit_gets_the_time_to_wait_in_the_body(kodey: KodeyInProcess) -> None:
    kodey.mode(rate_limit=2)
    kodey.create()
    kodey.advance(10.5)
    kodey.call("GET")
    reply = kodey.call("GET")

    assert reply.status_code == 429
    message = "Rate limit exceeded. Please retry after 50 seconds."
    assert reply.json() == {"error": "Too Many Requests", "message": message, "retryAfter": 50}
    assert "retry-after" not in reply.headers
    assert (reply.headers["x-ratelimit-remaining"], reply.headers["x-ratelimit-reset"]) == ("0", "1800000060")


def test_after_the_wait_a_call_goes_through(kodey: KodeyInProcess) -> None:
    kodey.mode(rate_limit=1)
    statuses = []
    for wait in (0, 59.9, 0.1, 0):
        kodey.advance(wait)
        statuses.append(kodey.call("GET").status_code)

    assert statuses == [200, 429, 200, 429]


def test_all_operations_share_the_limit_and_each_key_has_its_own(kodey: KodeyInProcess) -> None:
    kodey.mode(rate_limit=1)
    kodey.create()

    assert kodey.call("GET").status_code == 429
    assert kodey.call("GET", key="sk_live_b").status_code == 200
