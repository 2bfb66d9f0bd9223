"""Attachments of chats and automations that aichats fetches itself."""

from copy import replace
from typing import Any, BinaryIO

import httpx
import pytest

from aichats.api.app import create_api
from aichats.automations.definition_models import validated_automation
from aichats.automations.run_factory import RunFactory, of_event
from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.http.deadline import time_limit
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.attachments import FetchedAttachment
from tests.support.automations import listening, scheduled
from tests.support.fakes import Json, ScriptedTransport, Step, ai_chat, ok
from tests.support.lambda_calls import HttpCaller, make_application
from tests.support.ledgers import NOON
from tests.support.runs_api import CREATE

URL = {"url": "https://example.com/report.pdf?signature=canary"}
OBJECT = {"s3": "s3://my-bucket/week.pdf"}
BODY: Json = {"message_text": "Hi", "attachments": ["file_own", URL]}
CHAT = ok(ai_chat(id="aich_1"))


class Api:
    """The API of an application whose attachments come from memory."""

    def __init__(self, *script: Step, error: Exception | None = None, **settings: Any) -> None:
        self.whop = ScriptedTransport(*script)
        app = make_application(self.whop, **settings)
        app.providers = {**app.providers, "whop": replace(app.provider(WhopProvider), fetch=self._fetch)}
        self.call = HttpCaller(create_api(app).resolve)
        self._error = error

    def _fetch(self, _attachment: FetchedAttachment, into: BinaryIO) -> str | None:
        if self._error is not None:
            raise self._error
        into.write(b"the report")
        return None


def uploading(file_id: str = "file_1") -> list[Step]:
    """Return the answers of Whop and its storage to the upload of a file."""
    urls = {"upload_url": "https://storage.invalid/1", "upload_headers": {}}
    created = ok({"id": file_id, "upload_status": "pending", **urls})
    ready = ok({"id": file_id, "upload_status": "ready"})
    return [created, httpx.Response(200, stream=httpx.ByteStream(b"")), ready]


def test_a_chat_is_created_with_the_files_and_its_run_shows_their_ids() -> None:
    api = Api(*uploading(), CHAT, CHAT)

    answer = api.call("POST", "/chats", BODY)

    assert answer.status == 201
    [create] = [request for request in api.whop.requests if request.url.path.endswith("/ai_chats")]
    assert b'"message_attachments":[{"id":"file_own"},{"id":"file_1"}]' in create.content
    run = api.call("GET", f"/runs/{answer.headers['x-run-id']}")
    assert run.json["files"] == ["file_1"]
    assert "canary" not in run.body + answer.body


def test_a_file_that_can_not_be_attached_is_422_also_for_a_repeated_key() -> None:
    api = Api(error=AttachmentError("https://example.com/report.pdf answered 404"))

    answers = [api.call("POST", "/chats", BODY, headers={"idempotency-key": "k"}) for _ in range(2)]

    assert [(answer.status, answer.json["title"]) for answer in answers] == [(422, "Run failed")] * 2
    assert all("answered 404" in answer.json["detail"] for answer in answers)
    assert api.whop.calls == []


def test_a_file_that_can_not_be_fetched_now_and_a_short_time_are_202() -> None:
    api = Api(error=AttachmentUnavailableError("https://example.com/report.pdf answered 503"))
    answer = api.call("POST", "/chats", BODY)
    assert (answer.status, answer.json["error"]["message"]) == (
        202,
        "attachment: https://example.com/report.pdf answered 503",
    )

    with time_limit(15.0):
        assert api.call("POST", "/chats", BODY).status == 202


@pytest.mark.parametrize(
    ("bucket", "problem"), [("", "set the parameter AttachmentsBucket"), ("another", "allows only s3://another/")]
)
def test_an_object_of_another_bucket_is_rejected_at_once(bucket: str, problem: str) -> None:
    api = Api(attachments_bucket=bucket)

    chat = api.call("POST", "/chats", {"message_text": "Hi", "attachments": [URL, OBJECT]})
    runs = api.call("POST", "/runs", {"action": CREATE | {"attachments": [OBJECT]}, "targets": ["biz_A"]})
    automation = api.call("PUT", "/automations/a", scheduled() | {"action": CREATE | {"attachments": [OBJECT]}})

    assert [answer.status for answer in (chat, runs, automation)] == [422] * 3
    assert (chat.fields, runs.fields) == (["attachments.1.s3"], ["action.attachments.0.s3"])
    assert all(problem in answer.json["detail"] for answer in (chat, runs, automation))


def test_an_object_of_the_bucket_is_accepted_also_as_a_template() -> None:
    api = Api(attachments_bucket="my-bucket")
    for name, key in (("a", "week.pdf"), ("b", "{{ slot.date }}.pdf")):
        action = CREATE | {"attachments": [{"s3": f"s3://my-bucket/{key}"}]}
        assert api.call("PUT", f"/automations/{name}", scheduled() | {"action": action}).status == 201
        assert api.call("GET", f"/automations/{name}").json["action"]["attachments"] == [
            {"s3": f"s3://my-bucket/{key}"}
        ]


def test_a_text_of_an_attachment_that_can_not_be_rendered_is_named_when_the_automation_is_written() -> None:
    api = Api()
    for field, text in (
        ("url", "{{ slot.dat }}"),
        ("url", "http://example.com/"),
        ("filename", "{{ slot.date }}/{{ slot.time }}"),
        ("url", "{{ automation }}"),
        ("url", "https://{{ automation"),
    ):
        attachment = {"url": "https://example.com/a.pdf"} | {field: text}
        action = CREATE | {"attachments": ["file_1", attachment]}
        answer = api.call("PUT", "/automations/a", scheduled() | {"action": action})
        assert (answer.status, answer.fields) == (422, [f"action.attachments.1.{field}"]), answer.body


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("https://example.com/{{ not a template }}.pdf", None),
        ("http://169.254.169.254/", "action.attachments.0.url"),
        ("https://user:canary@example.com/", "action.attachments.0.url"),
        (None, "action.attachments.0.url"),
    ],
)
def test_the_url_of_an_event_is_checked_when_it_is_rendered(url: str | None, field: str | None) -> None:
    action = CREATE | {"attachments": [{"url": "{{ event.data.url }}"}]}
    automation = validated_automation(listening() | {"action": action})
    event = of_event("msg_1", {"data": {"url": url}}, NOON)

    rendered = RunFactory(lambda _: None, 1000).runs_for("a", automation, event)

    assert [error.field for _, error in rendered.failed] == ([] if field is None else [field])
    assert "canary" not in str(rendered.failed)
    attached = [run.action.fields["attachments"] for run in rendered.runs]
    assert attached == ([] if field else [[{"url": url}]])
