"""Deliveries are signed by Standard Webhooks: the reference library verifies each."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from aichats.errors import SecretError
from aichats.subscriptions.signing import SIGNING_KEY, EventsSecret, new_signing_key, sign_delivery, signing_secret

MASTER = "key-of-stack-" + "0123456789abcdef" * 3
BODY = json.dumps({"id": "evt_1", "data": {"automation": "Zoë"}}, ensure_ascii=False).encode()


def headers(secrets: list[str], body: bytes = BODY, webhook_id: str = "evt_1", *, age: float = 0) -> dict[str, str]:
    timestamp = int((datetime.now(UTC) - timedelta(seconds=age)).timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign_delivery(secrets, webhook_id, timestamp, body),
    }


def secret(name: str = "alerts", key_id: str = "1", master: str = MASTER) -> str:
    return signing_secret(master, name, key_id)


def test_the_reference_library_verifies_a_delivery() -> None:
    assert Webhook(secret()).verify(BODY, headers([secret()])) == json.loads(BODY)


@given(body=st.text(max_size=50), name=st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True), number=st.integers(0))
def test_the_reference_library_verifies_any_delivery(body: str, name: str, number: int) -> None:
    content, mine = json.dumps(body, ensure_ascii=False).encode(errors="replace"), secret(name, str(number))

    Webhook(mine).verify(content, headers([mine], content))


def test_a_signature_is_that_of_the_example_in_the_specification() -> None:
    secret, webhook_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"

    signature = sign_delivery([secret], webhook_id, 1614265330, b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_each_of_two_secrets_verifies_a_delivery() -> None:
    old, new = secret(key_id="1"), secret(key_id="2")
    signed = headers([new, old])

    assert len(signed["webhook-signature"].split(" ")) == 2
    for valid in (old, new):
        Webhook(valid).verify(BODY, signed)


@pytest.mark.parametrize("other", [secret("other"), secret(key_id="2"), secret(master="another")])
def test_a_secret_of_another_name_key_or_stack_verifies_nothing(other: str) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers([secret()]))


def test_another_body_id_or_time_is_not_verified() -> None:
    signed = headers([secret()])
    for body, changes in ((BODY + b" ", {}), (BODY, {"webhook-id": "evt_2"}), (BODY, {"webhook-timestamp": "1"})):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret()).verify(body, signed | changes)


def test_a_secret_has_the_form_of_the_standard_and_32_bytes() -> None:
    prefix, encoded = secret()[:6], secret()[6:]

    assert (prefix, len(base64.b64decode(encoded, validate=True))) == ("whsec_", 32)


def test_names_and_keys_can_not_be_split_in_another_way() -> None:
    assert secret("a", "bc") != secret("ab", "c")


def test_a_new_signing_key_is_random_and_as_long_as_that_of_the_template() -> None:
    keys = {new_signing_key() for _ in range(20)}

    assert len(keys) == 20
    assert {len(key) for key in keys} == {64}


def test_the_secret_of_a_stack_shows_its_key_in_no_error_and_no_repr() -> None:
    assert "hidden" not in repr(EventsSecret(signing_key="hidden"))
    with pytest.raises(SecretError) as caught:
        SIGNING_KEY.parse("aichats/dev/events", {"signing_key": "hidden key"})
    assert "hidden" not in str(caught.value)
    assert "aichats admin secret set events" in str(caught.value)
