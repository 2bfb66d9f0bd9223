"""The how-to about attachments: each of its commands does what the page says."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.system import BEARER, System
from tests.support.commands import run_command
from tests.support.markdown import DOCS, shell_blocks
from tests.support.mock_servers import Json, MockServer
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
    upload, schedule, run, announce, send, ask = (block.text for block in shell_blocks(DOCS / "how-to/attach-files.md"))

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
