"""The secret with which Whop signs webhooks: its shape, and what is said of a wrong one."""

import pytest

from aichats.aws.secret_values import parse_secret
from aichats.errors import SecretError
from aichats.whop.credentials import WebhookSecret
from tests.support.fakes import Json

NO_KEY = "must have 1 to 4096 characters, without spaces"
CONFIDENTIAL = "ws_0123456789"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, r"is empty\."),
        ({"secret": CONFIDENTIAL}, r"is malformed \(secrets: is missing\)"),
        ({"secrets": CONFIDENTIAL}, r"is malformed \(secrets: must be a list\)"),
        ({"secrets": []}, r"is malformed \(secrets: must not be empty\)"),
        ({"secrets": [""]}, rf"is malformed \(secrets: {NO_KEY}\)"),
        (
            {"secrets": [CONFIDENTIAL, f"{CONFIDENTIAL} "]},
            rf"is malformed \(secrets: {NO_KEY}\)",
        ),
        ({"secrets": [CONFIDENTIAL] * 6}, r"is malformed \(secrets: has too many elements\)"),
    ],
)
def test_the_webhook_s_secret_of_the_wrong_shape_shows_nothing_either(value: Json, problem: str) -> None:
    with pytest.raises(SecretError, match=problem) as raised:
        parse_secret(WebhookSecret, "aichats/dev/webhook", value)
    assert CONFIDENTIAL not in str(raised.value)
    assert str(raised.value).endswith("To store it, type: aichats admin secret set webhook --stack <stack>")


def test_the_webhook_s_secret_may_be_two_and_is_never_shown() -> None:
    secret = parse_secret(WebhookSecret, "aichats/dev/webhook", {"secrets": ["ws_new", "ws_old"]})

    assert secret.secrets == ["ws_new", "ws_old"]
    assert "ws_" not in repr(secret)
