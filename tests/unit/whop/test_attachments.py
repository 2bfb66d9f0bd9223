"""The forms of attachments, and the names of their files."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from aichats.errors import InputError
from aichats.runs.schedule_models import Work
from aichats.validation import parse, parse_json
from aichats.whop.actions import WhopCreateChat
from aichats.whop.attachments import S3Attachment, UrlAttachment, name_of_file, to_fetch
from aichats.whop.models import CreateAiChat
from tests.support.fakes import Json

URL = "https://example.com/report.pdf"
PLACE = "action.attachments.1"


def work(attachment: Any) -> Json:
    action = {"type": "whop.create_chat", "message_text": "Hi", "attachments": ["file_1", attachment]}
    return {"action": action, "targets": ["biz_A"]}


def problems(attachment: Any) -> dict[str, str]:
    """Return the problem of each field of an action with an attachment."""
    with pytest.raises(InputError) as raised:
        parse(Work, work(attachment))
    with pytest.raises(InputError) as from_json:
        parse_json(Work, TypeAdapter(Any).dump_json(work(attachment)), strict=True)
    assert from_json.value.problems == raised.value.problems
    return dict(raised.value.problems)


@pytest.mark.parametrize(
    "attachment",
    [
        "file_1",
        {"url": URL},
        {"url": "HTTPS://Example.com:8443/a%20b.pdf?x=1", "filename": "b.pdf"},
        {"url": "{{ event.data.url }}"},
        {"url": "https://{{ event.data.host }}/{{ event.data.name }}"},
        {"s3": "s3://my-bucket/reports/week 47.pdf", "filename": "week.pdf"},
        {"s3": "s3://my-bucket/{{ slot.date }}.pdf"},
        {"s3": "{{ event.data.object }}", "filename": "{{ event.data.name || 'a/b' }}"},
    ],
)
def test_an_attachment_is_a_file_of_whop_a_url_or_an_object_and_is_stored_as_it_was_sent(attachment: Any) -> None:
    action = parse(Work, work(attachment)).action
    assert action.fields["attachments"] == ["file_1", attachment]
    assert parse_json(Work, TypeAdapter(Any).dump_json(work(attachment)), strict=True).action == action


@pytest.mark.parametrize(
    ("attachment", "field", "problem"),
    [
        ("report.pdf", PLACE, "is not the id of a file (file_...)"),
        ({"url": "http://example.com/"}, f"{PLACE}.url", "must begin with https://"),
        ({"url": "http://{{ event.data.host }}/"}, f"{PLACE}.url", "must begin with https://"),
        ({"url": "file:///etc/passwd"}, f"{PLACE}.url", "must begin with https://"),
        ({"url": "https:///etc/passwd"}, f"{PLACE}.url", "must be a URL with a host"),
        ({"url": "https://[::1"}, f"{PLACE}.url", "must be a URL with a host"),
        ({"url": "https://a:b@example.com/"}, f"{PLACE}.url", "must not contain a user name or a password"),
        ({"url": "https://example.com/a b"}, f"{PLACE}.url", "must not contain spaces"),
        ({"url": URL + "x" * 2000}, f"{PLACE}.url", "must have at most 2000 characters"),
        ({"url": 1}, f"{PLACE}.url", "must be a text"),
        ({"url": URL, "name": "x"}, f"{PLACE}.name", "unknown field; did you mean `filename`?"),
        ({"s3": "s3://my-bucket"}, f"{PLACE}.s3", "must have the form s3://bucket/key"),
        ({"s3": "my-bucket/key"}, f"{PLACE}.s3", "must have the form s3://bucket/key"),
        ({"s3": "s3://My_Bucket/key"}, f"{PLACE}.s3", "must have the form s3://bucket/key"),
        ({"s3": "s3://my-bucket/key", "url": URL}, f"{PLACE}.url", "unknown field"),
        ({"url": URL, "filename": "../x"}, f"{PLACE}.filename", "must be a file name without /"),
        ({"url": URL, "filename": "a\\b"}, f"{PLACE}.filename", "must be a file name without /"),
        ({"url": URL, "filename": "a\nb"}, f"{PLACE}.filename", "must be a file name without /"),
        ({"url": URL, "filename": ".."}, f"{PLACE}.filename", "must be a file name without /"),
        ({"url": URL, "filename": "x" * 256}, f"{PLACE}.filename", "must have at most 255 characters"),
        ({"filename": "x"}, f"{PLACE}.url", "is required"),
        ({}, f"{PLACE}.url", "is required"),
        (1, PLACE, "must be an object"),
        (None, PLACE, "must be an object"),
    ],
)
def test_a_bad_form_is_named_with_its_field(attachment: Any, field: str, problem: str) -> None:
    assert problem in problems(attachment)[field]


def test_at_most_twenty_files_are_attached() -> None:
    action = {"type": "whop.create_chat", "message_text": "Hi", "attachments": [{"url": URL}] * 21}
    with pytest.raises(InputError, match="must have at most 20 items"):
        parse(WhopCreateChat, action)


def test_the_python_client_takes_ids_of_files_only() -> None:
    with pytest.raises(InputError, match=r"attachments\.0"):
        parse(CreateAiChat, {"message_text": "Hi", "attachments": [{"url": URL}]})


def test_the_files_to_fetch_keep_their_order() -> None:
    attachments = ["file_1", {"url": URL}, {"s3": "s3://my-bucket/a"}]
    assert to_fetch(attachments) == [UrlAttachment(url=URL), S3Attachment(s3="s3://my-bucket/a")]
    assert to_fetch([]) == []


def test_the_repr_of_a_url_does_not_show_its_signature() -> None:
    assert "secret" not in repr(UrlAttachment(url=f"{URL}?signature=secret"))


@pytest.mark.parametrize(
    ("url", "content_type", "name"),
    [
        (URL, "text/html", "report.pdf"),
        (f"{URL}?name=other.exe#x.exe", None, "report.pdf"),
        ("https://example.com/a/Bericht%20M%C3%A4rz.pdf", None, "Bericht März.pdf"),
        ("https://example.com/a%2Fb%5Cc%00.pdf", None, "bc.pdf"),
        ("https://example.com/", "application/pdf; charset=x", "attachment.pdf"),
        ("https://example.com/download/123", "image/png", "123.png"),
        ("https://example.com/download/123", "unknown/type", "123"),
        ("https://example.com/download/123", None, "123"),
        ("https://example.com/..", None, "attachment"),
        ("https://example.com", None, "attachment"),
        (f"https://example.com/{'x' * 300}.pdf", None, "x" * 251 + ".pdf"),
        (f"https://example.com/a.{'x' * 300}", None, "a." + "x" * 253),
        (f"https://example.com/a.{'x' * 300}", "image/png", "a." + "x" * 249 + ".png"),
    ],
)
def test_the_name_of_a_file_is_the_last_part_of_its_path(url: str, content_type: str | None, name: str) -> None:
    assert name_of_file(UrlAttachment(url=url), content_type) == name


def test_the_name_of_an_object_is_the_last_part_of_its_key_as_it_is() -> None:
    assert name_of_file(S3Attachment(s3="s3://my-bucket/a/100%25.pdf"), None) == "100%25.pdf"


def test_a_name_that_was_given_counts() -> None:
    assert name_of_file(UrlAttachment(url=URL, filename="week"), "text/html") == "week"
