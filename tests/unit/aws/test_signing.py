"""Signatures, compared with botocore's."""

import string
from datetime import UTC, datetime
from random import Random

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.aws.signing import AwsCredentials, sign_request

EXAMPLES, REQUESTS = 100, 100
WORDS = string.ascii_letters + string.digits + "_~%-+=:@!$&'(),*"
VALUES = string.ascii_letters + string.digits + "  \t/;=+.,{}\"'äöü€😀"


def text(random: Random, characters: str, most: int) -> str:
    return "".join(random.choices(characters, k=random.randint(1, most)))


def request_headers(random: Random) -> dict[str, str]:
    names = ["content-type", "x-amz-target", "x-amzn-query-mode", "x-amz-meta-a", "accept"]
    chosen = random.sample(names, random.randint(0, len(names)))
    return {
        "host": f"{text(random, string.ascii_lowercase, 20)}.example",
        **{n: text(random, VALUES, 40) for n in chosen},
    }


@given(seed=st.integers(0, 2**64))
@settings(max_examples=EXAMPLES)
def test_a_signature_of_any_request_is_botocores(seed: int) -> None:
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        for _ in range(REQUESTS):
            now = datetime.fromtimestamp(random.randint(0, 4_000_000_000), UTC)
            patch.setattr(auth, "get_current_datetime", lambda now=now: now)
            compare(random, now)


def compare(random: Random, now: datetime) -> None:
    token = text(random, WORDS + "/", 100) if random.random() < 0.5 else None
    key_id, secret = text(random, string.ascii_uppercase, 20), text(random, VALUES, 40)
    service, region = (text(random, string.ascii_lowercase + "-", 12) for _ in range(2))
    path = "/" + "/".join(text(random, WORDS, 12) for _ in range(random.randint(0, 3)))
    headers, body = request_headers(random), random.randbytes(random.randint(0, 300))
    url = f"https://{headers['host']}{path}"
    judge = AWSRequest(method="POST", url=url, headers=headers, data=body)
    auth.SigV4Auth(Credentials(key_id, secret, token), service, region).add_auth(judge)

    time = now.strftime("%Y%m%dT%H%M%SZ")
    credentials = AwsCredentials(key_id, secret, token)
    signed = sign_request(credentials, body, headers=headers, scope=(region, service), time=time, path=path)

    assert signed == {name.lower(): value for name, value in judge.headers.items()}


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(AwsCredentials("AKIA", "top-secret", "a-token"))

    assert "top-secret" not in shown
    assert "a-token" not in shown
