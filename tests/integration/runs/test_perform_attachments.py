"""Files that a run fetches and uploads before it creates the chat: each attempt attaches the same ones."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, BinaryIO

import httpx
import pytest

from aichats.aws.secrets import SecretStore
from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.http import uploads
from aichats.json_types import Json
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.perform import MAX_AGE, Outcome
from aichats.runs.providers.attachments import fetch_attachment
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.attachments import FetchedAttachment
from aichats.whop.credentials import Credentials
from aichats.whop.settings import WhopSettings
from tests.support.actions import whop_create_chat
from tests.support.fakes import FakeSecretsManager, Step, ai_chat, error_response, ok, page
from tests.support.ledgers import LEASE, make_run
from tests.support.providers import no_renewal
from tests.support.whop_bench import MARK, WhopBench

SECRET = "aichats/dev/whop"
URL, OBJECT = {"url": "https://example.com/report.pdf"}, {"s3": "s3://my-bucket/a/week.csv", "filename": "w.csv"}
CHAT = ok(ai_chat(id="aich_1"))
CREATED = [CHAT, CHAT]
LOST = httpx.ReadError("connection lost")
CREATE, FILES = ("POST", "/api/v1/ai_chats"), ("POST", "/api/v1/files")
GRANT: Json = {
    "oauth": {"client_id": "app_1", "refresh_token": "r", "access_token": "of-a-user", "expires_at": 4102444800}
}


class Bench(WhopBench):
    """A run with attachments, whose credentials come from secrets.

    Attributes:
        fetched: the attachments that were fetched.
        fetch_error: the error of every fetch, if any.
    """

    def __init__(self, *attachments: object) -> None:
        fields: Any = {"message_text": "Hi", "title": "Week", "attachments": list(attachments)}
        super().__init__(make_run(action=whop_create_chat(**fields)))
        self.manager = FakeSecretsManager({SECRET: {"api_key": "the-key"}})
        self.fetched: list[FetchedAttachment] = []
        self.fetch_error: Exception | None = None
        self.new_container()

    def new_container(self, fetch: Callable[[FetchedAttachment, BinaryIO], str | None] | None = None) -> None:
        """Forget all secrets."""
        settings = WhopSettings(whop_base_url="https://whop.invalid/api/v1", whop_api_version="2026-07-08-1")
        credentials = Credentials(SecretStore(self.manager), SECRET, no_renewal)
        self.use(WhopProvider(settings, credentials, self.whop, self.ledger, fetch or self._fetch))

    def use_key(self, key: str | None) -> None:
        """Give the company a key of its own, or none."""
        companies = {} if key is None else {str(self.run.target): key}
        self.manager.values[SECRET] = {"api_key": "the-key", "companies": companies}
        self.new_container()

    def _fetch(self, attachment: FetchedAttachment, into: BinaryIO) -> str | None:
        self.fetched.append(attachment)
        if self.fetch_error is not None:
            raise self.fetch_error
        into.write(f"content {len(self.fetched)}".encode())
        return "application/pdf"

    @property
    def attached(self) -> list[list[str]]:
        """The files of each create."""
        creates = [body for body, call in zip(self.bodies, self.whop.calls, strict=True) if call == CREATE]
        return [[file["id"] for file in body["message_attachments"]] for body in creates]

    @property
    def bodies(self) -> list[Any]:
        """The JSON body of each request; ``None`` for other requests."""
        is_json = [request.headers.get("content-type") == "application/json" for request in self.whop.requests]
        return [
            httpx.Response(200, content=request.content).json() if json else None
            for request, json in zip(self.whop.requests, is_json, strict=True)
        ]

    @property
    def creates(self) -> int:
        return self.whop.calls.count(CREATE)


def file(file_id: str, status: str = "pending") -> httpx.Response:
    """Return Whop's answer about a file."""
    return ok(
        {
            "id": file_id,
            "upload_status": status,
            "upload_url": f"https://storage.invalid/{file_id}?signature=s",
            "upload_headers": {"content-type": "application/pdf"},
        }
    )


def upload(file_id: str) -> list[Step]:
    return [file(file_id), storage()]


def storage(status: int = 200) -> Step:
    """Return an answer of the storage, which is read as a stream."""
    return httpx.Response(status, stream=httpx.ByteStream(b""))


def ready(*file_ids: str) -> list[Step]:
    return [file(file_id, "ready") for file_id in file_ids]


def die(_: httpx.Request) -> httpx.Response:
    raise KeyboardInterrupt


def test_files_are_fetched_and_uploaded_before_the_chat_and_attached_in_their_order() -> None:
    bench = Bench(URL, "file_own", OBJECT)

    outcome = bench.perform(*upload("file_1"), *upload("file_2"), *ready("file_1", "file_2"), *CREATED)

    assert outcome.state == "succeeded"
    assert [attachment.model_dump(exclude_unset=True) for attachment in bench.fetched] == [URL, OBJECT]
    assert bench.attached == [["file_1", "file_own", "file_2"]]
    created = [body for body, call in zip(bench.bodies, bench.whop.calls, strict=True) if call == FILES]
    assert created == [
        {"filename": "report.pdf", "byte_size": 9},
        {"filename": "w.csv", "byte_size": 9},
    ]
    assert [r.content for r in bench.whop.requests if r.method == "PUT"] == [b"content 1", b"content 2"]
    assert bench.row.files["default"]["ids"] == ["file_1", "file_2"]


def test_a_chat_with_files_of_whop_only_needs_no_step() -> None:
    bench = Bench("file_own")
    assert bench.perform(*CREATED).state == "succeeded"
    assert (bench.attached, bench.row.files) == ([["file_own"]], {})


def test_after_a_lost_answer_the_chat_is_looked_for_first_and_created_with_the_same_files() -> None:
    bench = Bench(URL)
    bench.perform(*upload("file_1"), *ready("file_1"), LOST)
    assert bench.row.unsettled

    assert bench.perform_when_due(page(), *CREATED).state == "succeeded"
    assert bench.attached == [["file_1"], ["file_1"]]
    creates = [request for request in bench.whop.requests if request.url.path.endswith("/ai_chats")]
    assert creates[0].content == creates[-1].content
    assert (len(bench.fetched), bench.creates) == (1, 2)


def test_a_chat_that_is_found_needs_no_further_file() -> None:
    bench = Bench(URL)
    bench.perform(*upload("file_1"), *ready("file_1"), LOST)
    chat = ai_chat(id="aich_1", title=f"{MARK}Week")
    assert bench.perform_when_due(page(chat), ok(chat)).state == "succeeded"
    assert bench.creates == 1


@pytest.mark.parametrize("steps", range(5))
def test_a_process_that_dies_in_a_step_leaves_no_chat_and_the_next_one_looks_before_it_continues(steps: int) -> None:
    bench = Bench(URL, OBJECT)
    before = [*upload("file_1"), *upload("file_2")][:steps]
    with pytest.raises(KeyboardInterrupt):
        bench.perform(*before, die)
    bench.clock.now += LEASE + bench.ledger.settle
    bench.whop.requests.clear()

    recorded = [] if steps < 2 else ["file_1"] if steps < 4 else ["file_1", "file_2"]
    missing = [f"file_{number}" for number in range(1 + len(recorded), 3)]
    again = [step for file_id in missing for step in upload(file_id)]
    assert bench.perform(page(), *again, *ready("file_1", "file_2"), *CREATED).state == "succeeded"
    assert bench.whop.calls[0] == ("GET", "/api/v1/ai_chats")
    assert bench.attached == [["file_1", "file_2"]]


def test_another_credential_uploads_the_files_again_and_the_first_one_uses_its_own_later() -> None:
    bench = Bench(URL)
    bench.perform(*upload("file_1"), *ready("file_1"), error_response(429))

    bench.use_key("another")
    bench.perform_when_due(*upload("file_2"), *ready("file_2"), error_response(429))
    bench.use_key(None)
    bench.perform_when_due(*ready("file_1"), *CREATED)

    assert bench.attached == [["file_1"], ["file_2"], ["file_1"]]
    api = [request for request in bench.whop.requests if request.url.host == "whop.invalid"]
    tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in api]
    assert tokens == [*["the-key"] * 3, *["another"] * 3, *["the-key"] * 3]


def test_the_storage_gets_no_credential() -> None:
    bench = Bench(URL)
    bench.perform(*upload("file_1"), *ready("file_1"), *CREATED)
    [put] = [request for request in bench.whop.requests if request.method == "PUT"]
    assert "authorization" not in put.headers


# ---- trouble


def test_a_file_that_may_not_be_fetched_fails_the_run_and_nothing_is_sent() -> None:
    bench = Bench("file_own", URL)
    bench.fetch_error = AttachmentError("10.0.0.1 is not allowed")

    outcome = bench.perform()

    assert (outcome.state, str(outcome.error)) == ("failed", "10.0.0.1 is not allowed")
    assert bench.row.error == {"type": "AttachmentError", "message": "10.0.0.1 is not allowed"}


def test_a_file_that_can_not_be_fetched_now_lets_the_run_wait_as_long_as_its_server_asks() -> None:
    bench = Bench(URL)
    bench.fetch_error = AttachmentUnavailableError("example.com answered 503", retry_after=70.0)

    outcome = bench.perform()

    assert (outcome.state, bench.row.unsettled, bench.row.attempts) == ("waiting", False, 0)
    assert outcome.row.due_at == bench.clock.now + timedelta(seconds=70)
    bench.fetch_error = None
    assert bench.perform_when_due(*upload("file_1"), *ready("file_1"), *CREATED).state == "succeeded"


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("trouble", [httpx.ConnectError("no route"), LOST, 500, 429])
def test_trouble_with_an_upload_that_may_pass_lets_the_run_wait(
    step: int, trouble: Exception | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD_ATTEMPTS", 1)
    bench = Bench(URL)
    script = [*upload("file_1"), *ready("file_1")][:step]
    answer = storage if step == 1 else error_response
    repeated = [answer(trouble) if isinstance(trouble, int) else trouble]

    assert bench.perform(*script, *repeated).state == "waiting"
    assert not bench.row.unsettled
    left = [] if step == 2 else upload("file_2")
    assert bench.perform_when_due(*left, *ready("file_1" if step == 2 else "file_2"), *CREATED).state == "succeeded"
    assert bench.creates == 1


def test_a_rejected_upload_fails_the_run_with_its_reason() -> None:
    bench = Bench(URL)
    outcome = bench.perform(error_response(403, "not allowed"))
    assert outcome.state == "failed"
    assert "not allowed" in str(outcome.error)


def test_if_time_is_short_the_run_waits_for_no_time_before_it_fetches_anything() -> None:
    bench = Bench(URL)
    outcome = bench.perform(seconds=19.0)
    assert (outcome.state, outcome.error, bench.fetched) == ("waiting", None, [])
    assert bench.row.due_at == bench.clock.now


def test_a_run_that_another_process_has_claimed_meanwhile_creates_nothing() -> None:
    bench = Bench(URL)

    def claimed(_: httpx.Request) -> httpx.Response:
        bench.clock.now += LEASE + bench.ledger.settle
        bench.ledger.claim(bench.run, LEASE)
        return httpx.Response(200, stream=httpx.ByteStream(b""))

    outcome = bench.perform(file("file_1"), claimed)
    assert (outcome.state, outcome.performed, bench.creates) == ("in_progress", False, 0)


def test_a_file_that_whop_can_not_process_fails_the_run_and_a_replay_uploads_it_again() -> None:
    bench = Bench(URL)
    outcome = bench.perform(*upload("file_1"), file("file_1", "failed"))
    assert (outcome.state, "file_1 can't be used" in str(outcome.error)) == ("failed", True)

    assert replayed(bench, *upload("file_2"), *ready("file_2"), *CREATED).state == "succeeded"
    assert bench.attached == [["file_2"]]


def test_after_a_rejected_create_a_replay_uploads_the_files_again_because_they_may_be_the_reason() -> None:
    bench = Bench(URL)
    bench.perform(*upload("file_1"), *ready("file_1"), error_response(400, param="message_attachments"))
    assert bench.row.status == "failed"

    assert replayed(bench, *upload("file_2"), *ready("file_2"), *CREATED).state == "succeeded"
    assert bench.attached == [["file_1"], ["file_2"]]


def test_a_replay_of_a_create_that_may_have_happened_sends_the_same_files_with_the_same_key() -> None:
    bench = Bench(URL)
    bench.ledger.add([bench.run], lambda _: bench.clock.now)
    bench.clock.now += MAX_AGE
    assert bench.perform(*upload("file_1"), *ready("file_1"), LOST).state == "unknown"

    assert replayed(bench, page(), *CREATED).state == "succeeded"
    assert bench.attached == [["file_1"], ["file_1"]]


def test_so_does_the_replay_of_a_create_that_was_throttled_before() -> None:
    bench = Bench(URL)
    bench.ledger.add([bench.run], lambda _: bench.clock.now)
    bench.perform(*upload("file_1"), *ready("file_1"), error_response(429))
    bench.clock.now += MAX_AGE
    assert bench.perform(*ready("file_1"), LOST).state == "unknown"

    assert replayed(bench, page(), *CREATED).state == "succeeded"
    assert bench.attached == [["file_1"]] * 3
    assert bench.creates == 3


def test_a_person_who_cancels_the_run_while_a_file_is_uploaded_prevents_the_chat() -> None:
    bench = Bench(URL, OBJECT)

    def cancelled(_: httpx.Request) -> httpx.Response:
        bench.ledger.steering.cancel(bench.run.run_id, by="ops")
        return httpx.Response(200, stream=httpx.ByteStream(b""))

    outcome = bench.perform(file("file_1"), cancelled)
    assert (outcome.state, len(bench.fetched), bench.creates) == ("cancelled", 1, 0)


def replayed(bench: Bench, *script: Step) -> Outcome:
    """Replay the run, and perform it as soon as it is due."""
    bench.clock.forward(seconds=1)
    try:
        bench.ledger.steering.replay(bench.run.run_id)
    except LedgerConflictError as conflict:
        raise AssertionError(conflict.row) from conflict
    return bench.perform_when_due(*script)


@pytest.mark.parametrize(
    ("bucket", "remedy"), [(None, "set the parameter AttachmentsBucket"), ("another", "allows only s3://another/")]
)
def test_only_objects_of_the_stack_s_bucket_are_read(bucket: str | None, remedy: str) -> None:
    bench = Bench(OBJECT)
    bench.new_container(partial(fetch_attachment, bucket))
    outcome = bench.perform()
    assert outcome.state == "failed"
    assert re.search(f"^s3://my-bucket/a/week.csv can't be read: .*{remedy}", str(outcome.error))


def test_a_url_is_downloaded_with_all_checks() -> None:
    bench = Bench({"url": "https://127.0.0.1/"})
    bench.new_container(partial(fetch_attachment, None))
    outcome = bench.perform()
    assert (outcome.state, "not public" in str(outcome.error)) == ("failed", True)
