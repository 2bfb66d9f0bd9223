"""`aichats admin disconnect`: the grant is revoked first, because without its token it could not be revoked later."""

from collections.abc import Iterator

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from aichats_cli.admin.deployed import DeployedStack
from local.ports import free_port
from tests.support.fake_oauth import CLIENT_ID
from tests.support.login_bench import OLD_GRANT, STACK, WHOP, LoginBench, login_bench

STORED = {"oauth": OLD_GRANT}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[LoginBench]:
    """The stack, with a connection `default`."""
    with login_bench(monkeypatch, capsys) as bench:
        bench.store(f"{WHOP}/default", STORED)
        yield bench


def test_the_grant_is_revoked_and_deleted(bench: LoginBench) -> None:
    assert bench.logout() == 0

    assert bench.oauth.revoked == [{"token": OLD_GRANT["refresh_token"], "client_id": CLIENT_ID}]
    assert bench.secret() == {}
    assert "Connection default of aichats-dev is logged out. Functions stop using it within 5 minutes." in bench.printed
    assert "All companies have no credential now." in bench.printed


def test_the_companies_that_use_the_connection_are_listed_and_stay(bench: LoginBench) -> None:
    companies = {"biz_A": {"connection": "default"}, "biz_B": "canary-own", "biz_C": {"connection": "other"}}
    bench.store(WHOP, {"api_key": "canary-key", "companies": companies})

    assert bench.logout() == 0

    assert "These companies use connection default, and have no credential now: biz_A\n" in bench.printed
    assert "All companies without an entry of their own use the API key.\n" in bench.printed
    assert (bench.secret(WHOP) or {})["companies"] == companies


def test_of_very_many_companies_only_some_are_named(bench: LoginBench) -> None:
    entry = {"connection": "default", "note": "written by hand"}
    bench.store(WHOP, {"companies": {f"biz_{number:03}": entry for number in range(600)}})

    assert bench.logout() == 0
    assert bench.login() == 0

    some = "biz_000, biz_001, biz_002 and 597 more\n"
    assert f"These companies use connection default, and have no credential now: {some}" in bench.printed
    assert f"all without a credential of their own, {some}" in bench.printed


def test_another_connection_leaves_the_default_alone(bench: LoginBench) -> None:
    bench.store(f"{WHOP}/agency", STORED)
    assert bench.logout("--connection", "agency") == 0
    assert (bench.secret(f"{WHOP}/agency"), bench.secret()) == ({}, STORED)
    assert "All companies" not in bench.printed


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_token"])
def test_a_token_that_whop_does_not_know_counts_as_revoked(bench: LoginBench, error: str) -> None:
    bench.oauth.revocation = lambda: JSONResponse({"error": error}, 400)
    assert bench.logout() == 0
    assert bench.secret() == {}


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"error": "invalid_client"}, 401),
        JSONResponse({"error": "rate_limit_exceeded"}, 429),
        JSONResponse({"error": {"type": "invalid_grant"}}, 400),
        PlainTextResponse("invalid_grant", 502),
    ],
    ids=["client", "throttled", "object", "proxy"],
)
def test_without_a_revocation_nothing_changes(bench: LoginBench, answer: Response) -> None:
    bench.oauth.revocation = lambda: answer
    assert bench.logout() == 1
    assert bench.secret() == STORED
    said = f"Error: Whop did not revoke the refresh token (status {answer.status_code}). The connection is unchanged"
    assert f"{said}\n  → type the command again, or add --force\n" in bench.printed


def test_if_whop_cannot_be_reached_nothing_changes(bench: LoginBench) -> None:
    bench.use(f"http://127.0.0.1:{free_port()}")
    assert bench.logout() == 1
    assert bench.secret() == STORED
    assert "can't reach Whop at http://127.0.0.1:" in bench.printed


def test_force_deletes_the_grant_even_so_and_says_how_to_end_it_at_whop(bench: LoginBench) -> None:
    bench.use(f"http://127.0.0.1:{free_port()}")
    assert bench.logout("--force") == 0
    assert bench.secret() == {}
    assert "To end the grant, remove the app's access in your settings at Whop" in bench.printed


def test_tokens_that_a_function_renewed_meanwhile_are_revoked_too(bench: LoginBench) -> None:
    renewed = {"oauth": OLD_GRANT | {"refresh_token": "canary-renewed"}}

    def renew() -> Response:
        if len(bench.oauth.revoked) == 1:
            bench.store(f"{WHOP}/default", renewed)
        return JSONResponse({})

    bench.oauth.revocation = renew
    assert bench.logout() == 0
    assert [body["token"] for body in bench.oauth.revoked] == [OLD_GRANT["refresh_token"], "canary-renewed"]
    assert bench.secret() == {}


def test_a_second_logout_does_nothing(bench: LoginBench) -> None:
    bench.logout()
    assert bench.logout() == 0
    assert bench.printed.endswith("Connection default is logged out already.\n")
    assert len(bench.oauth.revoked) == 1


def test_a_connection_that_does_not_exist_is_reported(bench: LoginBench) -> None:
    assert bench.logout("--connection", "agency") == 1
    assert bench.printed == "Error: connection agency doesn't exist\n"
    assert bench.secret(f"{WHOP}/agency") is None


def test_a_malformed_connection_is_emptied_only_by_force(bench: LoginBench) -> None:
    bench.store(f"{WHOP}/default", {"oauth": {"refresh_token": "canary-refresh"}})
    assert bench.logout() == 1
    assert f"{WHOP}/default is malformed, so nothing was revoked\n  → to empty it, add --force" in bench.printed
    assert bench.logout("--force") == 0
    assert bench.secret() == {}


def test_a_connection_that_is_not_json_is_emptied_only_by_force(bench: LoginBench) -> None:
    bench.manager.put_secret_value(SecretId=f"{WHOP}/default", SecretString="{'oauth': 'canary-refresh'}")
    assert bench.logout() == 1
    assert f"{WHOP}/default is malformed, so nothing was revoked\n  → to empty it, add --force" in bench.printed
    assert bench.logout("--force") == 0
    assert bench.secret() == {}


def test_a_secret_that_cannot_be_written_is_reported(bench: LoginBench) -> None:
    bench.deny("put_secret_value")
    assert bench.logout() == 1
    assert f"Error: can't write {WHOP}/default" in bench.printed
    assert bench.secret() == STORED


def test_a_stack_without_the_parameter_is_no_stack_of_aichats(
    bench: LoginBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeployedStack, "describe", lambda _: {"Outputs": bench.stack["Outputs"]})
    assert bench.logout() == 1
    assert f"stack {STACK} has no parameter WhopBaseUrl\n  → use the name of a stack of aichats" in bench.printed


def test_a_stack_without_the_output_is_no_stack_of_aichats(bench: LoginBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeployedStack, "describe", lambda _: {"Parameters": bench.stack["Parameters"]})
    assert bench.login() == 1
    assert (
        f"stack {STACK} has no output WhopSecret. Nothing was stored\n  → use the name of a stack of aichats"
        in bench.printed
    )
    assert bench.browser.opened == []


def test_an_empty_name_never_logs_out_the_default_connection(bench: LoginBench) -> None:
    assert bench.logout("--connection", "") == 2
    assert "--connection must be 1 to 64 characters" in bench.printed
    assert bench.secret() == STORED
    assert bench.oauth.revoked == []
