"""The how-to about attachments: each of its commands does what the page says."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.cloud.emulator import REGION
from local.plain_http import plain_client
from local.system import BEARER, System
from tests.support.commands import run_command
from tests.support.markdown import DOCS, shell_blocks
from tests.support.mock_servers import ATTACHMENTS_BUCKET, Json, MockServer
from tests.support.waiting import until

SMALL, LARGE = bytes(range(256)) * 10, bytes(range(256)) * 24_000

type Perform = Callable[..., str]


@pytest.fixture
def perform(system: System, tmp_path: Path) -> Perform:
    """Run a command of the page, and return what it prints."""
    common = {
        "API": system.api_url,
        "AUTH": f"Authorization: Bearer {BEARER}",
        "JSON": "Content-Type: application/json",
    }

    def perform(command: str, **variables: str) -> str:
        result = run_command("bash", "-c", command, cwd=tmp_path, env=common | variables)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return perform


@pytest.mark.usefixtures("automations")
def test_each_command_of_the_page_about_attachments_does_what_it_says(
    perform: Perform, whop: MockServer, tmp_path: Path
) -> None:
    whop.mode(files="uploaded")
    blocks = [block.text for block in shell_blocks(DOCS / "how-to/attach-files.md")]
    upload, schedule, run, announce, send, ask, by_url, _deploy = blocks

    (tmp_path / "report.pdf").write_bytes(SMALL)
    small: Json = json.loads(perform(upload))
    assert (small["filename"], small["upload_status"], small["size"]) == ("report.pdf", "ready", len(SMALL))
    assert "weekly-report" in perform(schedule, FILE=small["id"])
    assert "run_ids" in perform(run)
    [chat] = until(lambda: whop.state()["chats"])
    assert (chat["company_id"], chat["message_attachments"]) == ("biz_A", [small["id"]])

    (tmp_path / "report.pdf").write_bytes(LARGE)
    large: Json = json.loads(perform(announce))
    assert (large["upload_status"], large["upload_headers"]) == ("pending", {"Content-Type": "application/pdf"})
    perform(send, UPLOAD_URL=large["upload_url"])
    assert json.loads(perform(ask, FILE=large["id"]))["upload_status"] == "ready"
    hashes = {file["id"]: file["sha256"] for file in whop.state()["files"]}
    assert hashes == {small["id"]: hashlib.sha256(SMALL).hexdigest(), large["id"]: hashlib.sha256(LARGE).hexdigest()}

    assert "export.csv" in perform(by_url)


@pytest.mark.usefixtures("automations")
def test_an_object_of_the_bucket_is_uploaded_for_the_chat_of_an_automation(system: System, whop: MockServer) -> None:
    whop.mode(files="uploaded")
    s3 = system.emulator.clients.s3
    s3.create_bucket(Bucket=ATTACHMENTS_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    attached = {"attachments": [{"s3": f"s3://{ATTACHMENTS_BUCKET}/reports/{{{{ target }}}}.pdf"}]}
    s3.put_object(Bucket=ATTACHMENTS_BUCKET, Key="reports/biz_A.pdf", Body=LARGE)
    action = {"type": "whop.create_chat", "message_text": "Summarize the attached report."} | attached
    with plain_client() as http:
        headers = {"authorization": f"Bearer {BEARER}"}
        body = {"trigger": {"type": "schedule", "expression": "rate(1 day)"}, "action": action, "targets": ["biz_A"]}
        assert http.put(f"{system.api_url}/automations/report", json=body, headers=headers).status_code == 201
        assert http.post(f"{system.api_url}/automations/report/run", headers=headers).status_code == 202
    [chat] = until(lambda: whop.state()["chats"])
    [file] = whop.state()["files"]
    assert chat["message_attachments"] == [file["id"]]
    assert (file["filename"], file["sha256"]) == ("biz_A.pdf", hashlib.sha256(LARGE).hexdigest())
