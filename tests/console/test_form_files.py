"""Files of this computer in the form of an automation: uploaded at once, and attached when Whop has them."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.console import failing
from tests.support.console_page import ConsolePage
from tests.support.console_receivers import limit_client
from tests.support.fakes import Json

LABEL = "Attach a file from this computer"
MIB = 2**20


@pytest.fixture
def form(console: ConsolePage) -> ConsolePage:
    """The form of a new automation for two companies."""
    console.open("/create")
    console.page.get_by_role("textbox", name="Message", exact=True).fill("Read the plan.")
    console.page.get_by_label("Targets: the companies, one a line").fill("biz_A\nbiz_B")
    return console


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A small file."""
    path = tmp_path / "plan.pdf"
    path.write_bytes(b"%PDF-" + bytes(95))
    return path


def attach(console: ConsolePage, path: Path) -> None:
    console.page.get_by_label(LABEL).set_input_files(path)


def process(console: ConsolePage, *states: str) -> None:
    """Let Whop answer with these states of the file, one after the other."""
    left = list(states)

    def interfere(event: Json) -> Json | None:
        if not event["rawPath"].startswith("/files"):
            return None
        file = {"id": "file_1", "filename": "plan.pdf", "upload_status": left.pop(0), "size": 100}
        headers = {"content-type": "application/json"}
        return {"statusCode": 200, "headers": headers, "body": json.dumps(file), "isBase64Encoded": False}

    console.server.interfere = interfere


def test_a_file_is_attached_when_whop_has_processed_it(form: ConsolePage, plan: Path) -> None:
    process(form, "processing", "processing", "ready")
    attach(form, plan)
    form.wait_for("Uploading plan.pdf (100 bytes)…")
    form.wait_for("plan.pdf (100 bytes) is uploaded and attached.")

    file = form.page.get_by_role("textbox", name="File 1", exact=True)
    expect(file).to_have_value("file_1")
    expect(file).to_have_accessible_description("plan.pdf (100 bytes)")
    assert "Several companies can share it only if they use the same Whop credential." in form.text
    checks = [event for event in form.server.events if event["rawPath"] == "/files/file_1"]
    assert {event["queryStringParameters"]["company_id"] for event in checks} == {"biz_A"}
    form.server.interfere = lambda _: None
    form.check_accessibility()
    form.page.set_viewport_size({"width": 400, "height": 900})
    assert not form.overflows


def test_a_failed_upload_loses_nothing_and_can_be_tried_again(form: ConsolePage, plan: Path) -> None:
    form.server.interfere = failing(503, "aichats is busy", path="/files")
    attach(form, plan)
    form.wait_for("plan.pdf is not attached")
    assert "aichats is busy" in form.text
    expect(form.page.get_by_role("textbox", name="Message", exact=True)).to_have_value("Read the plan.")
    form.check_accessibility()

    form.server.interfere = lambda _: None
    form.button("Try again").click()
    form.wait_for("plan.pdf (100 bytes) is uploaded and attached.")
    assert form.stack.whop.uploads == [plan.read_bytes()]
    expect(form.page.get_by_role("alert")).to_have_count(0)


def test_a_file_that_whop_cannot_process_is_not_attached(form: ConsolePage, plan: Path) -> None:
    process(form, "processing", "failed")
    attach(form, plan)
    form.wait_for("Whop can't process it. Choose it again, or another format.")

    expect(form.page.get_by_role("textbox", name="File 1", exact=True)).to_have_count(0)


def test_a_file_that_is_too_large_is_not_sent_and_the_command_for_it_is_shown(
    form: ConsolePage, tmp_path: Path
) -> None:
    film = tmp_path / "my film.mp4"
    film.write_bytes(bytes(4 * MIB + 1))
    attach(form, film)
    form.wait_for("my film.mp4 has more than 4 MiB")

    assert "aichats files upload 'my film.mp4' --for biz_A" in form.text
    assert form.server.requests("POST", "/files") == []
    form.check_accessibility()
    form.page.set_viewport_size({"width": 400, "height": 900})
    assert not form.overflows


def test_a_client_that_may_not_read_files_attaches_a_file_before_whop_has_processed_it(
    console: ConsolePage, plan: Path
) -> None:
    limit_client(console.server, "chats:write", "automations:read", "automations:write")
    console.open("/create")
    console.page.get_by_label("Targets: the companies, one a line").fill("biz_A")
    process(console, "processing")
    attach(console, plan)

    expect(console.page.get_by_role("textbox", name="File 1", exact=True)).to_have_value("file_1")
