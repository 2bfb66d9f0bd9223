"""schemathesis derives calls from the OpenAPI document: none fails, and each answer has the documented form."""

import sys
from pathlib import Path

import httpx

from local.system import BEARER, System
from tests.support.commands import run_command
from tests.support.mock_servers import MockServer
from tests.support.waiting import PATIENCE

SECONDS = 45
CHECKS = ("not_a_server_error", "response_schema_conformance", "content_type_conformance")


def test_no_call_that_the_document_allows_or_forbids_fails_or_is_answered_as_it_does_not_say(
    system: System, api: httpx.Client, whop: MockServer, kodey: MockServer, tmp_path: Path
) -> None:
    for mock in (whop, kodey):
        mock.mode(rate_limit=1_000_000)
    schema = tmp_path / "openapi.json"
    schema.write_text(api.get("/openapi.json").text)
    judge = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(schema), "--url", system.api_url),
        *("--header", f"Authorization: Bearer {BEARER}", "--checks", ",".join(CHECKS)),
        *("--seed", "1", "--max-examples", "5", "--max-time", str(SECONDS), "--request-timeout", "60"),
        *("--phases", "examples,fuzzing", "--no-shrink", "--warnings", "off", "--suppress-health-check", "all"),
    ]
    judged = run_command(*judge, cwd=tmp_path, limit=SECONDS + PATIENCE)
    assert judged.returncode == 0, judged.stdout + judged.stderr
