"""Answers as API Gateway takes them: what is compressed, and for which clients."""

import gzip
from base64 import b64decode
from typing import Any

import pytest

from aichats.api.requests import ApiRequest
from aichats.api.responses import LONG_CHARACTERS, HttpAnswer, accepts, gateway_answer

LONG = '{"text": "' + "é" * LONG_CHARACTERS + '"}'


def answered(body: str, accepted: str | None, *, origins: tuple[str, ...] = (), **headers: str) -> dict[str, Any]:
    sent = {} if accepted is None else {"Accept-Encoding": accepted}
    http = {"http": {"method": "GET"}, "domainName": "x", "stage": "$default"}
    request = ApiRequest({"requestContext": http, "rawPath": "/runs", "headers": sent})
    return gateway_answer(HttpAnswer(200, body, headers=headers), request, origins)


def test_long_json_is_compressed_for_a_client_that_accepts_gzip() -> None:
    answer = answered(LONG, "gzip, deflate, br")

    assert (answer["isBase64Encoded"], answer["headers"]["Content-Encoding"]) == (True, "gzip")
    assert gzip.decompress(b64decode(answer["body"])).decode() == LONG
    assert answer["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize("accepted", [None, "", "identity", "br", "gzip;q=0", "x-gzip-2"])
def test_long_json_is_sent_as_it_is_to_other_clients_and_caches_know_that_it_varies(accepted: str | None) -> None:
    answer = answered(LONG, accepted)

    assert (answer["body"], answer["isBase64Encoded"]) == (LONG, False)
    assert answer["headers"]["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in answer["headers"]


def test_a_short_answer_is_never_compressed() -> None:
    answer = answered('{"id": "aich_1"}', "gzip")

    assert (answer["body"], answer["isBase64Encoded"]) == ('{"id": "aich_1"}', False)
    assert "Vary" not in answer["headers"]


def test_an_answer_can_vary_for_several_reasons() -> None:
    answer = answered(LONG, "gzip", origins=("https://example.com",), Vary="Accept")

    assert answer["headers"]["Vary"] == "Origin, Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "codings"),
    [
        ("gzip", {"gzip"}),
        ("br, GZIP;q=0.5", {"br", "gzip"}),
        ("gzip; q=0, br", {"br"}),
        ("gzip;q=0.000", set()),
        ("gzip;q=1", {"gzip"}),
    ],
)
def test_a_coding_with_the_weight_zero_is_not_accepted(accepted: str, codings: set[str]) -> None:
    assert {coding for coding in ("br", "gzip") if accepts(accepted, coding)} == codings
