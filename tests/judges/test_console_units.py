"""The parts of the console that need no browser: their own tests, and their answers compared with those of the API."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from aichats.schedules.days import (
    Days,
    DaysOfMonth,
    DaysOfWeek,
    LastDayOfMonth,
    LastDayOfWeek,
    NearestWorkday,
    NthDayOfWeek,
)
from aichats.schedules.expressions import Cron, parse_schedule
from local.build_console import SOURCE
from tests.support.commands import run_command
from tests.support.random_crons import random_crons

SEED, EXPRESSIONS = 26, 500


def bundled(folder: Path, *names: str) -> Path:
    """Bundle modules of the console's tests for Node into a folder, and return it."""
    esbuild = SOURCE / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("esbuild is not installed; run `make console`")
    options = ("--bundle", "--platform=node", "--format=cjs", "--out-extension:.js=.cjs", "--log-level=warning")
    run_command(esbuild, *(SOURCE / "test" / name for name in names), *options, f"--outdir={folder}", check=True)
    return folder


def node() -> str:
    """Return the path of Node, which is there if npm is."""
    return shutil.which("node") or "node"


def test_the_units_of_the_console_pass_their_tests(tmp_path: Path) -> None:
    names = sorted(path.name for path in (SOURCE / "test").glob("*.test.ts"))
    files = sorted(bundled(tmp_path, *names).glob("*.test.cjs"))

    done = run_command(node(), "--test", *files, cwd=tmp_path)

    assert done.returncode == 0, done.stdout
    assert len(files) == len(names) > 0


def test_the_console_reads_cron_expressions_as_the_api_does(tmp_path: Path) -> None:
    expressions = random_crons(SEED, EXPRESSIONS)

    script = bundled(tmp_path, "cron_values.ts") / "cron_values.cjs"
    done = run_command(node(), script, input="\n".join(expressions), check=True)

    assert json.loads(done.stdout) == [values(expression) for expression in expressions]


def values(expression: str) -> dict[str, Any]:
    """Return the values of an expression's fields as the API reads them, in the form of the console."""
    cron = parse_schedule(expression)
    assert isinstance(cron, Cron)
    fields: dict[str, Any] = {name: list(getattr(cron, name)) for name in ("minutes", "hours", "months", "years")}
    return fields | {"days": days(cron.days)}


def days(rule: Days) -> dict[str, Any]:
    """Return the days of an expression in the form of the console."""
    match rule:
        case DaysOfMonth(numbers):
            return {"kind": "month", "days": list(numbers)}
        case DaysOfWeek(numbers):
            return {"kind": "week", "days": list(numbers)}
        case NearestWorkday(day):
            return {"kind": "nearest-workday", "day": day}
        case NthDayOfWeek(day, nth):
            return {"kind": "nth-of-week", "day": day, "nth": nth}
        case LastDayOfWeek(day):
            return {"kind": "last-of-week", "day": day}
    return {"kind": "last-day" if isinstance(rule, LastDayOfMonth) else "last-workday"}
