"""A provider's texts are shown without our credential and the request's texts, in one short line."""

import base64
import html
import json
import logging
import re
import time
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.errors import AichatsError, APIStatusError, BadRequestError, OutcomeUnknownError
from aichats.http import Headers
from aichats.http.client import HttpStyle
from aichats.http.masking import HIDDEN, MAX_TEXT_CHARACTERS, TEXT_RUN, TOKEN_RUN, Mask, identifier, one_line
from aichats.http.rejections import NOTHING_TO_HIDE
from aichats.http.tokens import is_visible_ascii
from aichats.kodey.errors import KODEY_STYLE
from aichats.runs.failures import describe
from aichats.whop.errors import WHOP_STYLE
from tests.support.fakes import FakeClock, Step, error_response, ok
from tests.support.http_calls import client

TOKEN = "apik_live_0123456789abcdefghijklmnop"
TEXT = 'Tell Jane Doe (jane@example.com) that her balance is 4,211 dollars.\nShe asked <twice> & "loudly".'
TITLE = "Balance of Jane"


def refusal(step: Step, **body: object) -> APIStatusError:
    """Return the error of a POST with texts after this answer of the provider."""
    http = client(FakeClock(), step, token=TOKEN)
    with pytest.raises(APIStatusError) as raised:
        http.call("POST", "/ai_chats", body={"message_text": TEXT, "title": TITLE} | body)
    return raised.value


def reason(step: Step, **body: object) -> str:
    """Return the message of the error of such a POST."""
    return refusal(step, **body).reason.partition(": ")[2]


def answered(status: int, message: str, **fields: str) -> httpx.Response:
    """Return a rejection that may contain any character."""
    return httpx.Response(status, content=json.dumps({"error": {"message": message} | fields}).encode())


def shown(error: AichatsError) -> str:
    return f"{error} {error!r} {vars(error)} {describe(error)}"


FORMS: list[Callable[[str], str]] = [
    str,
    lambda secret: f"x{secret}x",
    lambda secret: quote(secret, safe=""),
    lambda secret: f"Bearer {secret}",
    json.dumps,
    lambda secret: json.dumps(secret, ensure_ascii=False),
    html.escape,
    lambda secret: f"{secret} " * 20,
    lambda secret: "w" * (MAX_TEXT_CHARACTERS - 60) + " " + secret,
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("field", ["message", "code", "type", "param"])
def test_a_credential_that_comes_back_is_hidden(field: str, form: Callable[[str], str]) -> None:
    error = refusal(answered(400, **{"message": "the key is wrong", field: form(TOKEN)}))
    assert not [at for at in range(len(TOKEN) - TOKEN_RUN) if TOKEN[at : at + TOKEN_RUN] in shown(error)]


def test_a_credential_in_base64_is_hidden() -> None:
    encoded = base64.b64encode(TOKEN.encode()).decode()
    assert encoded[:20] not in shown(refusal(error_response(400, f"Basic {encoded}")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("field", ["message_text", "title", "content"])
def test_a_text_that_comes_back_is_hidden(field: str, form: Callable[[str], str]) -> None:
    error = refusal(error_response(422, f"this will not do: {form(TEXT)}"), **{field: TEXT})
    assert "jane@example.com" not in shown(error)
    assert "4,211 dollars" not in shown(error)
    assert HIDDEN in error.reason


def test_a_part_of_a_text_is_hidden_and_what_stands_around_it_is_not() -> None:
    assert reason(error_response(422, f"no: '{TEXT[5:50]}...' is not allowed")) == f"no: '{HIDDEN}...' is not allowed"


def test_a_short_text_is_hidden_whole_and_in_no_word() -> None:
    assert reason(error_response(422, f"title {TITLE} is taken")) == f"title {HIDDEN} is taken"
    assert reason(error_response(422, "entitlement is missing"), title="title") == "entitlement is missing"


def test_texts_of_a_chats_metadata_are_hidden() -> None:
    http = client(FakeClock(), error_response(400, "bad value Jane Doe of 7 Elm Street"), token=TOKEN)
    with pytest.raises(BadRequestError) as raised:
        http.call("POST", "/chat", body={"agentId": "agent_1", "metadata": {"a": ["Jane Doe of 7 Elm Street"]}})
    assert raised.value.reason == f"400 a_type: bad value {HIDDEN}"


def test_ids_stay_readable() -> None:
    assert reason(error_response(404, "biz_A not found"), current_company_id="biz_A") == "biz_A not found"


def test_both_credentials_of_a_call_that_was_repeated_are_hidden() -> None:
    tokens = iter(["apik_old_0123456789", "apik_new_0123456789"])
    http = client(
        FakeClock(),
        error_response(401),
        error_response(400, "apik_old_0123456789 apik_new_0123456789"),
        token=lambda _: next(tokens),
    )
    with pytest.raises(BadRequestError) as raised:
        http.call("POST", "/ai_chats")
    assert raised.value.reason == f"400 a_type: {HIDDEN} {HIDDEN}"


def test_an_unknown_outcome_and_a_broken_protocol_show_no_more() -> None:
    for step in (
        error_response(500, TEXT + TOKEN),
        httpx.RemoteProtocolError(f"illegal status line: {TEXT!r} {TOKEN}"),
    ):
        http = client(FakeClock(), step, token=TOKEN)
        with pytest.raises(OutcomeUnknownError) as raised:
            http.call("POST", "/ai_chats", body={"message_text": TEXT})
        assert "jane" not in str(raised.value)
        assert TOKEN not in str(raised.value)


def test_what_stands_for_a_secret_is_not_cut_so_that_a_beginning_shows() -> None:
    for padding in range(1_960, 2_010, 3):
        masked = Mask((TOKEN,), {"title": "w" * 1_950}).text("w" * padding + TOKEN + " and more")
        assert masked is not None
        assert TOKEN[:4] not in masked
    for padding in range(400, 510):
        assert TOKEN[:4] not in str(Mask((TOKEN,)).text("w " * (padding // 2) + TOKEN))


# ---- one line, bounded


@pytest.mark.parametrize("field", ["message", "code", "type", "param"])
def test_control_characters_and_line_breaks_are_dropped(field: str) -> None:
    nasty = 'a\r\n{"level":"ERROR"}\x1b[31m\x00\u202e\u2028\ud800\x85b'
    error = refusal(answered(400, **{"message": "no", field: nasty}))
    assert not [character for character in str(error) if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl")]
    assert '{"level":"ERROR"}' in str(error)
    str(error).encode()


@pytest.mark.parametrize("field", ["code", "type", "param"])
def test_codes_and_names_of_fields_are_cut(field: str) -> None:
    assert len(str(refusal(answered(400, **{"message": "no", field: "x" * 5_000})))) < 250


@pytest.mark.parametrize("name", ["x-request-id", "cf-ray"])
@pytest.mark.parametrize("provider", [WHOP_STYLE, KODEY_STYLE], ids=["whop", "kodey"])
def test_a_request_id_is_visible_ascii_of_at_most_100_characters(provider: HttpStyle, name: str) -> None:
    headers = Headers([(name.encode(), b"req 1\t\xff" + b"x" * 5_000)])
    assert provider.error(500, headers, b"", NOTHING_TO_HIDE, "").request_id == "req1" + "x" * 96


def test_a_request_id_of_which_nothing_is_left_counts_as_none() -> None:
    headers = Headers([(b"x-request-id", b" \xff"), (b"cf-ray", b"ray_1")])
    assert WHOP_STYLE.error(500, headers, b"", NOTHING_TO_HIDE, "").request_id == "ray_1"
    assert identifier("") is None


def test_the_announced_end_of_an_endpoint_is_logged_masked_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"sunset": "x" * 5_000, "link": f"<https://whop.invalid/?key={TOKEN}>"}
    client(FakeClock(), ok({}, **headers), token=TOKEN).call("GET", "/ai_chats")
    [record] = caplog.records
    assert len(vars(record)["sunset"]) == MAX_TEXT_CHARACTERS
    assert TOKEN not in str(vars(record))


# ---- whatever it is


anything = st.text(min_size=1, max_size=120)


@given(before=anything, text=anything, after=anything, start=st.integers(0, 100), length=st.integers(24, 120))
def test_no_part_of_a_text_of_24_characters_comes_back(
    before: str, text: str, after: str, start: int, length: int
) -> None:
    shown = before + text[start : start + length] + after
    answer = Mask((), {"message_text": text}).text(shown)
    assert answer is not None
    assert not any(text[at : at + TEXT_RUN] in answer for at in range(len(text) - TEXT_RUN + 1))


@given(
    token=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=80),
    before=anything,
    after=anything,
)
def test_no_credential_comes_back(token: str, before: str, after: str) -> None:
    answer = Mask((token,)).text(before + token + after)
    assert answer is not None
    assert token not in answer
    assert len(answer) <= MAX_TEXT_CHARACTERS


texts_of_all_kinds = st.text(
    st.characters() | st.sampled_from(" \t\n\r\x0b\x1c\x7f\x85\xa0\u200b\u200d\u2028\u3000\ufeff")
)


@given(text=texts_of_all_kinds)
def test_a_text_becomes_one_line_as_the_regular_expression_says(text: str) -> None:
    unshowable = (
        r"[\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
        r"\ufff9-\ufffb]+"
    )
    assert one_line(text) == re.sub(unshowable, " ", text).strip()


@given(text=texts_of_all_kinds | st.text(st.characters(max_codepoint=126)))
def test_an_id_has_the_visible_characters_of_its_text(text: str) -> None:
    assert identifier(text) == (re.sub(r"[^\x21-\x7e]+", "", text)[:100] or None)
    assert is_visible_ascii(text) == bool(re.fullmatch(r"[\x21-\x7e]+", text))


@given(text=st.text(max_size=60), secret=st.text(st.sampled_from("ab<&é-"), max_size=90), at=st.integers(0, 90))
def test_a_short_text_is_masked_like_the_same_text_within_a_long_one(text: str, secret: str, at: int) -> None:
    mask, short = Mask((), {"title": secret}), f"{text[:8]}\n{secret[at : at + 28]}"
    padded = mask.text(f"{short}\n{'#' * 50}")
    assert padded is not None
    assert mask.text(short) == padded.removesuffix("#" * 50).strip()


def test_a_large_text_is_searched_in_little_time(caplog: pytest.LogCaptureFixture) -> None:
    """Check a message of the largest allowed size. It takes about 10 ms, and only the limit of a test stops it."""
    caplog.set_level(logging.DEBUG)
    text = "".join(chr(0x4E00 + number % 9_973) for number in range(131_072))
    assert reason(error_response(400, text[1_000:3_000]), message_text=text) == HIDDEN


def test_the_search_takes_no_longer_for_a_text_that_nearly_comes_back() -> None:
    """Looking for each part of the answer in the whole text took seconds, and Lambda has a third of a CPU for it."""
    texts = ["\x01" * 131_000 + str(number) for number in range(4)]
    begun = time.process_time()
    masked = Mask((TOKEN,), {"metadata": {"texts": texts}}).text("\\u0001\\u0001\\u0001abcdef" * 100)
    assert time.process_time() - begun < 5
    assert masked is not None
    assert masked.startswith("\\u0001\\u0001\\u0001abcdef")


def test_texts_that_overlap_in_an_answer_are_both_hidden() -> None:
    first, second = "a" * 20 + " the same 5", "the same 5" + "b" * 20
    mask = Mask(body={"message_text": first, "title": second})
    assert mask.text(first + second.removeprefix("the same 5")) == HIDDEN


@pytest.mark.parametrize("name", ["x-request-id", "cf-ray"])
def test_a_request_id_that_repeats_the_request_is_masked(name: str) -> None:
    headers = {"x-request-id": ""} | {name: f"id-of-{TOKEN}"}
    rejected = refusal(error_response(400, headers=headers))
    assert rejected.request_id == f"id-of-{HIDDEN}"
    performed = client(FakeClock(), ok({}, **headers), token=TOKEN).call("GET", "/ai_chats")
    assert performed.request_id == f"id-of-{HIDDEN}"
    assert TOKEN not in repr(performed.mask)


def test_a_token_of_three_characters_hides_no_ordinary_words() -> None:
    assert Mask(("key",)).text("Invalid or missing API key") == "Invalid or missing API key"
