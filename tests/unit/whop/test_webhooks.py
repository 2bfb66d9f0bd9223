"""The check of a delivery's signature."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from copy import replace
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.whop.webhooks import SignatureError, verify

SECRET = "ws_" + "0123456789abcdef" * 4
OTHER_SECRET = "ws_" + "fedcba9876543210" * 4
ID, TIMESTAMP, BODY = "msg_test", "1786381404", b'{"hello":"whop"}'
SIGNATURE = "v1,ZRYKkpUmWntsJzCb4KlwmpBLdUwhNk5bLuvZE+7mVEg="
SENT = datetime.fromtimestamp(int(TIMESTAMP), UTC)


def sign(secret: str | bytes = SECRET, *, webhook_id: str = ID, timestamp: str = TIMESTAMP, body: bytes = BODY) -> str:
    key = secret.encode() if isinstance(secret, str) else secret
    content = f"{webhook_id}.{timestamp}.".encode("utf-8", "surrogatepass") + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


@dataclass(frozen=True)
class Delivery:
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"webhook-id": ID, "webhook-timestamp": TIMESTAMP, "webhook-signature": SIGNATURE}
    )
    body: bytes = BODY
    secrets: Sequence[str] = (SECRET,)
    now: datetime = SENT

    def verified(self) -> str:
        return verify(self.headers, self.body, self.secrets, now=self.now)


def delivery(
    *, webhook_id: str = ID, timestamp: str = TIMESTAMP, signature: str = SIGNATURE, **others: Any
) -> Delivery:
    headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    return replace(Delivery(headers), **others)


def without(name: str) -> Delivery:
    return Delivery({header: value for header, value in Delivery().headers.items() if header != name})


def test_whops_own_example_is_taken() -> None:
    assert Delivery().verified() == ID


def test_names_of_headers_may_be_in_any_case() -> None:
    headers = {"Webhook-Id": ID, "WEBHOOK-TIMESTAMP": TIMESTAMP, "webhook-Signature": SIGNATURE, "Accept": "*/*"}
    assert Delivery(headers).verified() == ID


@pytest.mark.parametrize(
    "signature",
    [
        f"v1,{'A' * 43}= {SIGNATURE}",
        f"{SIGNATURE} v1,{'A' * 43}=",
        f"v1a,{'A' * 86}== {SIGNATURE}",
        f"v2,anything {SIGNATURE}",
        f"v1,not+base64 {SIGNATURE}",
        f"v1 , {SIGNATURE}",
        f"  {SIGNATURE} ",
        " ".join([f"v1,{'A' * 43}="] * 9 + [SIGNATURE]),
    ],
    ids=["after another", "before another", "v1a", "v2", "malformed", "only a version", "spaces", "the tenth"],
)
def test_one_fitting_signature_among_others_is_enough(signature: str) -> None:
    assert delivery(signature=signature).verified() == ID


@pytest.mark.parametrize("secrets", [(OTHER_SECRET, SECRET), (SECRET, OTHER_SECRET)])
def test_during_a_rotation_each_of_two_secrets_is_taken(secrets: Sequence[str]) -> None:
    assert delivery(secrets=secrets).verified() == ID
    assert delivery(secrets=secrets, signature=sign(OTHER_SECRET)).verified() == ID


@pytest.mark.parametrize("seconds", [-300, -299.5, 0, 299.5, 300])
def test_five_minutes_either_way_are_allowed(seconds: float) -> None:
    assert delivery(now=SENT + timedelta(seconds=seconds)).verified() == ID


def test_the_time_zone_of_now_does_not_matter() -> None:
    assert delivery(now=SENT.astimezone()).verified() == ID


def test_a_body_that_is_no_text_is_verified_as_it_is() -> None:
    body = b"\xff\x00\xfe"
    assert delivery(body=body, signature=sign(body=body)).verified() == ID


# Each: what is wrong with the delivery, the delivery, and what the message says.
BROKEN: list[tuple[str, Delivery, str]] = [
    ("the id is missing", without("webhook-id"), "webhook-id is missing"),
    ("the timestamp is missing", without("webhook-timestamp"), "webhook-timestamp is missing"),
    ("the signature is missing", without("webhook-signature"), "webhook-signature is missing"),
    ("another id", delivery(webhook_id="msg_tesu"), "fits none of the secrets"),
    ("another timestamp", delivery(timestamp="1786381405"), "fits none of the secrets"),
    ("another body", delivery(body=b'{"hello":"whoq"}'), "fits none of the secrets"),
    ("a body that was written anew", delivery(body=b'{"hello": "whop"}'), "fits none of the secrets"),
    ("an empty body", delivery(body=b""), "fits none of the secrets"),
    ("another secret", delivery(secrets=[OTHER_SECRET]), "fits none of the secrets"),
    ("the secret without ws_", delivery(secrets=[SECRET[3:]]), "fits none of the secrets"),
    ("a key that was decoded", delivery(signature=sign(base64.b64decode(SECRET[3:]))), "fits none of the secrets"),
    ("too old", delivery(now=SENT + timedelta(seconds=301)), "webhook-timestamp is 301 s old, and 300 s are allowed"),
    ("too new", delivery(now=SENT - timedelta(seconds=301)), "webhook-timestamp is 301 s ahead"),
    ("long ago", delivery(timestamp="0", signature=sign(timestamp="0")), "s old, and 300 s are allowed"),
    ("signed for long ago, dated today", delivery(signature=sign(timestamp="0")), "fits none of the secrets"),
    ("an id with a dot", delivery(webhook_id="a.b", signature=sign(webhook_id="a.b")), "webhook-id must be"),
    ("a part of the body as id", delivery(webhook_id=f"{ID}.{TIMESTAMP}", timestamp="1"), "webhook-id must be"),
    ("an id with a space", delivery(webhook_id="a b", signature=sign(webhook_id="a b")), "webhook-id must be"),
    ("an id with a line feed", delivery(webhook_id="a\n", signature=sign(webhook_id="a\n")), "webhook-id must be"),
    ("an empty id", delivery(webhook_id="", signature=sign(webhook_id="")), "webhook-id must be"),
    ("an endless id", delivery(webhook_id="a" * 256, signature=sign(webhook_id="a" * 256)), "webhook-id must be"),
    ("an id beyond ASCII", delivery(webhook_id="é", signature=sign(webhook_id="é")), "webhook-id must be"),
    ("half a character as id", delivery(webhook_id="\ud800"), "webhook-id must be"),
    ("no signature in the header", delivery(signature=""), "webhook-signature must be"),
    ("a signature beyond ASCII", delivery(signature=f"{SIGNATURE} é"), "webhook-signature must be"),
    ("a signature without version", delivery(signature=SIGNATURE[3:]), "has no signature of the form v1,"),
    ("a signature of version v1a", delivery(signature=f"v1a{SIGNATURE[2:]}"), "has no signature of the form v1,"),
    ("a version in capitals", delivery(signature=f"V1{SIGNATURE[2:]}"), "has no signature of the form v1,"),
    ("a signature without padding", delivery(signature=SIGNATURE[:-1]), "has no signature of the form v1,"),
    ("a signature in hexadecimal", delivery(signature=f"v1,{'0f' * 32}"), "has no signature of the form v1,"),
    ("other bits that decode alike", delivery(signature=SIGNATURE[:-2] + "h="), "fits none of the secrets"),
    ("signatures with commas between", delivery(signature=f"v1,a,{SIGNATURE}"), "has no signature of the form v1,"),
    ("eleven signatures", delivery(signature=" ".join([SIGNATURE] * 11)), "more than 10 signatures"),
]


@pytest.mark.parametrize(("broken", "message"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_delivery_is_rejected(broken: Delivery, message: str) -> None:
    with pytest.raises(SignatureError) as rejected:
        broken.verified()
    assert message in str(rejected.value)
    hidden = [*broken.secrets, "hello", *(value for value in broken.headers.values() if len(value) > 3)]
    assert not [value for value in hidden if value in str(rejected.value)]


@pytest.mark.parametrize(
    "timestamp",
    [
        "1.786381404e9",
        "+1786381404",
        "-1",
        " 1786381404",
        "1786381404 ",
        "1786381404\n",
        "1786381404.0",
        "1_786_381_404",
        "١٧٨٦٣٨١٤٠٤",
        "²",
        "",
        "now",
        "nan",
        "inf",
        "0x6a7a2d9c",
        "9" * 13,
        "9" * 5000,
        "\ud800",
    ],
    ids=lambda timestamp: ascii(timestamp[:20]),
)
def test_a_timestamp_is_digits_and_nothing_else_even_if_it_is_signed(timestamp: str) -> None:
    with pytest.raises(SignatureError, match="webhook-timestamp must be whole seconds since 1970"):
        delivery(timestamp=timestamp, signature=sign(timestamp=timestamp)).verified()


@pytest.mark.parametrize("secrets", [[], [""], [SECRET, ""]])
def test_without_a_secret_nothing_is_verified(secrets: Sequence[str]) -> None:
    with pytest.raises(ValueError, match="secret is missing or empty"):
        delivery(secrets=secrets, signature=sign("")).verified()


IDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters="."), min_size=1)


@given(webhook_id=IDS, age=st.integers(-300, 300), body=st.binary(), secret=st.text(min_size=1))
def test_whatever_whop_signs_is_taken(webhook_id: str, age: int, body: bytes, secret: str) -> None:
    timestamp = str(int(TIMESTAMP) - age)
    signature = sign(secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
    headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    assert verify(headers, body, [OTHER_SECRET, secret], now=SENT) == webhook_id


def one_character_changed(text: str, position: int, by: int) -> str:
    index = position % len(text)
    return text[:index] + chr((ord(text[index]) + by) % 128) + text[index + 1 :]


@given(
    name=st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
    position=st.integers(0, 1000),
    by=st.integers(1, 127),
)
def test_any_changed_character_of_a_header_is_rejected(name: str, position: int, by: int) -> None:
    headers = dict(Delivery().headers)
    headers[name] = one_character_changed(headers[name], position, by)
    with pytest.raises(SignatureError):
        Delivery(headers).verified()


@given(position=st.integers(0, len(BODY) - 1), by=st.integers(1, 255))
def test_any_changed_byte_of_the_body_is_rejected(position: int, by: int) -> None:
    changed = bytearray(BODY)
    changed[position] = (changed[position] + by) % 256
    with pytest.raises(SignatureError, match="fits none of the secrets"):
        delivery(body=bytes(changed)).verified()


@given(st.dictionaries(st.sampled_from(list(Delivery().headers)), st.text()), st.binary())
def test_rubbish_is_rejected_and_nothing_else(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(SignatureError):
        Delivery(headers, body).verified()
