"""Redocly and Spectral judge the OpenAPI document by their recommended rules: neither an error nor a warning."""

import json
import os
from pathlib import Path

from local.generate import openapi_json
from tests.support.commands import run_command
from tests.support.npm import command

RULES = Path(__file__).with_name("spectral.yaml")
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def judged(judge: str, *options: str, folder: Path) -> str:
    """Return the output of a program for the document."""
    (folder / "openapi.json").write_text(openapi_json())
    environment = QUIET | {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = run_command(command(judge), "lint", *options, "openapi.json", cwd=folder, env=environment)
    assert done.stdout, done.stderr
    return done.stdout


def test_redocly_reports_nothing(tmp_path: Path) -> None:
    report = json.loads(judged("redocly", "--format", "json", folder=tmp_path))

    assert report["problems"] == []
    assert report["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_spectral_reports_nothing(tmp_path: Path) -> None:
    report = judged("spectral", "--ruleset", str(RULES), "--format", "json", "--quiet", folder=tmp_path)

    assert json.loads(report) == []
