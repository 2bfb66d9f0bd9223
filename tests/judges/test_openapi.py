"""Redocly and Spectral judge the OpenAPI document. Their errors count, their warnings do not."""

import json
import subprocess
from pathlib import Path

import pytest

from aichats.api.app import OPERATIONS
from aichats.api.openapi import document
from tests.judges.npm import command

RULES = Path(__file__).with_name("spectral.yaml")
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


@pytest.mark.parametrize(
    ("judge", "options"),
    [
        ("redocly", ["lint"]),
        ("spectral", ["lint", "--ruleset", str(RULES), "--fail-severity", "error"]),
    ],
    ids=["Redocly", "Spectral"],
)
def test_a_linter_of_others_finds_no_error_in_the_document(judge: str, options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document(OPERATIONS)))
    environment = QUIET | {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    judged = subprocess.run(
        [command(judge), *options, str(path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
