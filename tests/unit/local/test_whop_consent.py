"""The page of the mock of Whop on which a user allows an app, and how the user comes back to the app."""

import re
from urllib.parse import urlsplit

import pytest

from tests.support.mock_servers import WhopInProcess
from tests.support.whop_oauth import REDIRECT_URI, OAuthApp, redirected


def test_the_page_shows_the_app_the_user_the_company_and_the_scopes_in_words(app: OAuthApp) -> None:
    page = app.authorize(company_id="biz_A", scope="openid ai_chat:create member:basic:read")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for text in ("app_local", "Local User", "biz_A", "Create AI chats in your name", "member:basic:read"):
        assert text in page.text
    assert "Delete your AI chats" not in page.text


def test_without_a_company_the_page_says_that_all_companies_are_meant(app: OAuthApp) -> None:
    assert "All companies of your account" in app.authorize().text


def test_the_page_loads_nothing_and_its_form_may_lead_to_the_app_alone(app: OAuthApp) -> None:
    page = app.authorize()

    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "frame-ancestors 'none'"} <= set(policy)
    assert "form-action 'self' http://localhost:8913" in policy
    assert not re.search(r"<script|<link|<img|\ssrc=|\son\w+=|url\(", page.text)


def test_the_page_keeps_what_the_app_sent_and_escapes_it(app: OAuthApp) -> None:
    page = app.authorize(state='"><b>&')

    assert 'name="state" value="&quot;&gt;&lt;b&gt;&amp;"' in page.text
    assert "<b>" not in page.text


def test_the_form_of_the_page_is_all_that_a_decision_needs(whop: WhopInProcess, app: OAuthApp) -> None:
    page = app.authorize(company_id="biz_A").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', page))
    (action,) = re.findall(r'<form method="post" action="(.*?)">', page)
    buttons = dict(re.findall(r'<button.*? value="(\w+)">(\w+)</button>', page))

    assert buttons == {"allow": "Allow", "deny": "Deny"}
    reply = whop.request("POST", action, data={**fields, "decision": "allow"})
    assert redirected(reply).keys() == {"code", "state"}
    assert whop.state()["oauth"][0]["company_id"] == "biz_A"


def test_allow_leads_back_to_the_app_with_a_code_and_the_state(app: OAuthApp) -> None:
    reply = app.decide("allow")

    assert reply.headers["location"].startswith(f"{REDIRECT_URI}?")
    assert redirected(reply)["state"] == "a-state"
    assert reply.content == b""


def test_deny_leads_back_to_the_app_with_an_error_and_the_state(whop: WhopInProcess, app: OAuthApp) -> None:
    back = redirected(app.decide("deny"))

    assert (back["error"], back["state"]) == ("access_denied", "a-state")
    assert back["error_description"]
    assert whop.state()["oauth"] == []


def test_another_decision_shows_the_page_again(app: OAuthApp) -> None:
    assert "Allow" in app.decide("perhaps").text


def test_the_query_of_the_apps_address_is_kept(app: OAuthApp) -> None:
    back = redirected(app.decide("allow", redirect_uri=f"{REDIRECT_URI}?from=whop"))

    assert back.keys() == {"from", "code", "state"}


def test_who_approved_the_scopes_before_is_not_asked_again(app: OAuthApp) -> None:
    first = app.code()

    assert redirected(app.authorize(scope="openid ai_chat:create"))["code"] != first


@pytest.mark.parametrize(
    "change", [{"scope": "openid email"}, {"client_id": "app_other"}, {"company_id": "biz_A"}], ids=lambda each: [*each]
)
def test_other_scopes_another_app_and_another_company_are_asked_for(app: OAuthApp, change: dict[str, str]) -> None:
    app.code()

    assert app.authorize(**change).status_code == 200


@pytest.mark.parametrize("uri", [
    "http://localhost:8913/callback",
    "http://127.0.0.1/",
    "https://localhost/a?b=c",
    "http://[::1]:80/callback",
])  # fmt: skip
def test_every_address_of_this_machine_is_registered(app: OAuthApp, uri: str) -> None:
    location = app.decide("deny", redirect_uri=uri).headers["location"]

    assert urlsplit(location)[:3] == urlsplit(uri)[:3]


@pytest.mark.parametrize(("name", "value", "hint"), [
    ("client_id", None, "is required"),
    ("client_id", "local", "such as app_local"),
    ("redirect_uri", None, "is required"),
    ("redirect_uri", "/callback", "absolute URL"),
    ("redirect_uri", "http://localhost/\r\nSet-Cookie: a=b", "a URL of ASCII characters"),
    ("redirect_uri", "http://localhost/\u20ac", "a URL of ASCII characters"),
    ("redirect_uri", "javascript:alert(1)", "absolute URL"),
    ("redirect_uri", "http://localhost/#fragment", "absolute URL"),
    ("redirect_uri", "http://localhost@example.com/", "absolute URL"),
    ("redirect_uri", "http://[::1", "redirect_uri"),
    ("redirect_uri", "http://localhost:99999/", "must be on localhost"),
    ("redirect_uri", "https://example.com/callback", "must be on localhost"),
    ("redirect_uri", "http://localhost.example.com/callback", "must be on localhost"),
])  # fmt: skip
@pytest.mark.parametrize("decision", [None, "allow", "deny"])
def test_an_invalid_app_or_address_gets_a_page_and_never_a_redirect(
    app: OAuthApp, decision: str | None, name: str, value: str | None, hint: str
) -> None:
    reply = app.decide(decision, **{name: value}) if decision else app.authorize(**{name: value})

    assert (reply.status_code, reply.headers.get("location")) == (400, None)
    assert name in reply.text
    assert hint in reply.text
    assert "form-action 'none'" in reply.headers["content-security-policy"]


@pytest.mark.parametrize(("name", "value", "error"), [
    ("response_type", "token", "unsupported_response_type"),
    ("response_type", None, "invalid_request"),
    ("scope", "profile", "invalid_scope"),
    ("scope", "openid <b>", "invalid_scope"),
    ("scope", "openid  profile", "invalid_scope"),
    ("scope", "openidp", "invalid_scope"),
    ("scope", None, "invalid_request"),
    ("nonce", None, "invalid_request"),
    ("code_challenge", None, "invalid_request"),
    ("code_challenge", "too-short", "invalid_request"),
    ("code_challenge_method", None, "invalid_request"),
    ("code_challenge_method", "plain", "invalid_request"),
    ("company_id", "acme", "invalid_request"),
])  # fmt: skip
@pytest.mark.parametrize("decision", [None, "allow"])
def test_any_other_invalid_parameter_leads_back_with_its_name(
    app: OAuthApp, decision: str | None, name: str, value: str | None, error: str
) -> None:
    reply = app.decide(decision, **{name: value}) if decision else app.authorize(**{name: value})

    back = redirected(reply)
    assert (back["error"], back["state"]) == (error, "a-state")
    assert back["error_description"].startswith(f"{name}: ")


def test_a_request_without_a_state_leads_back_without_one(app: OAuthApp) -> None:
    back = redirected(app.authorize(state=None))

    assert (back["error"], "state" in back) == ("invalid_request", False)
