"""The reference library of Standard Webhooks decides which deliveries are genuine."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError

from aichats.whop.webhooks import SignatureError, verify
from local.standins.whop.deliveries import Delivery, signed

SEED, DELIVERIES = 24, 400
SECRET, OTHER = "ws_" + "0123456789abcdef" * 4, "ws_" + "f" * 64


def delivery(lot: random.Random) -> Delivery:
    """Return a random delivery, genuine or changed in some ways. No age is near the limit of five minutes."""
    body = "".join(
        chr(lot.choice([lot.randint(32, 126), lot.randint(0xA0, 0x2FFF)])) for _ in range(lot.randint(0, 60))
    )
    age = lot.choice([lot.randint(-240, 240)] * 4 + [lot.randint(360, 9000), -lot.randint(360, 9000)])
    made = signed(body.encode(), lot.choice([SECRET, SECRET, SECRET, OTHER]), age=age)
    for _ in range(lot.choice([0, 0, 1, 1, 2])):
        made = lot.choice(WAYS)(lot, made)
    return made


def another_body(_: random.Random, made: Delivery) -> Delivery:
    return Delivery(made.body + b" ", made.headers)


def a_header_less(lot: random.Random, made: Delivery) -> Delivery:
    name = lot.choice(["webhook-id", "webhook-timestamp", "webhook-signature"])
    return Delivery(made.body, {key: value for key, value in made.headers.items() if key != name})


def another_id(_: random.Random, made: Delivery) -> Delivery:
    return Delivery(made.body, made.headers | {"webhook-id": "msg_of_another"})


def more_signatures(lot: random.Random, made: Delivery) -> Delivery:
    """Return the delivery with signatures of other secrets and versions, before and after its own."""
    others = [signed(made.body, OTHER).headers["webhook-signature"], "v1a,c2lnbmF0dXJl", "v2,AAAA"]
    signatures = [made.headers.get("webhook-signature", "v1,AAAA"), *lot.sample(others, lot.randint(1, 3))]
    lot.shuffle(signatures)
    return Delivery(made.body, made.headers | {"webhook-signature": " ".join(signatures)})


def another_version(_: random.Random, made: Delivery) -> Delivery:
    signature = made.headers.get("webhook-signature", "v1,AAAA")
    return Delivery(made.body, made.headers | {"webhook-signature": signature.replace("v1,", "v2,")})


def a_spoilt_signature(lot: random.Random, made: Delivery) -> Delivery:
    signature = made.headers.get("webhook-signature", "v1,AAAA")
    position = lot.randint(3, len(signature) - 3)
    letter = "A" if signature[position] != "A" else "B"
    changed = signature[:position] + letter + signature[position + 1 :]
    return Delivery(made.body, made.headers | {"webhook-signature": changed})


def names_in_capitals(_: random.Random, made: Delivery) -> Delivery:
    """Return the delivery with header names in capitals. API Gateway sends lower case, so the test converts them."""
    return Delivery(made.body, {name.title(): value for name, value in made.headers.items()})


WAYS: list[Callable[[random.Random, Delivery], Delivery]] = [
    another_body,
    a_header_less,
    another_id,
    more_signatures,
    more_signatures,
    another_version,
    a_spoilt_signature,
    names_in_capitals,
]


def reference_takes(made: Delivery) -> bool:
    try:
        Webhook(SECRET.encode()).verify(made.body, made.headers, json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def ours_takes(made: Delivery) -> bool:
    headers = {name.lower(): value for name, value in made.headers.items()}
    try:
        verify(headers, made.body, [SECRET], now=datetime.now(UTC))
    except SignatureError:
        return False
    return True


def test_the_reference_library_takes_and_rejects_the_same_deliveries() -> None:
    lot = random.Random(SEED)
    verdicts = [(reference_takes(made), ours_takes(made), made) for made in (delivery(lot) for _ in range(DELIVERIES))]
    assert [made for theirs, ours, made in verdicts if theirs != ours] == []
    assert DELIVERIES / 4 < sum(ours for _, ours, _ in verdicts) < 3 * DELIVERIES / 4
