"""The times of a schedule compared with other cron libraries. Each library has errors, so the majority decides."""

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from aws_croniter import AwsCroniter
from pyawscron import AWSCron

from aichats.schedules.fire_times import fire_times
from local.judges import NPM
from tests.support.commands import run_command
from tests.support.random_crons import random_crons

SEED, EXPRESSIONS, COUNT = 25, 300, 4
AFTER = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)

type Times = list[float] | None
"""The next times of an expression, or ``None`` if a library fails."""


def plain(expression: str) -> str:
    """Return the expression in the form that the libraries read."""
    return expression.removeprefix("cron(").removesuffix(")").upper()


def ours(expression: str) -> Times:
    return [time.timestamp() for time in islice(fire_times(expression, after=AFTER), COUNT)]


def asked(ask: Callable[[str], Sequence[datetime | None]], expression: str) -> Times:
    """Return the times of a library, or ``None`` if it raises an error or stops its search."""
    with suppress(Exception):
        return [time.timestamp() for time in ask(plain(expression)) if time is not None] or None
    return None


def of_npm(expressions: Sequence[str]) -> list[Times]:
    """Return the times of the library from npm. Without npm it doesn't take part, and the two from PyPI decide."""
    node = shutil.which("node")
    if node is None or not (NPM / "node_modules" / "aws-cron-parser").exists():
        return [None] * len(expressions)
    question = {"expressions": [plain(each) for each in expressions], "after": AFTER.isoformat(), "count": COUNT}
    script = Path(__file__).with_name("crons.cjs")
    done = run_command(node, script, input=json.dumps(question), cwd=NPM, check=True)
    return [times or None for times in json.loads(done.stdout)]


def test_no_two_cron_libraries_agree_against_us() -> None:
    expressions = random_crons(SEED, EXPRESSIONS)
    answers = zip(
        expressions,
        [asked(lambda each: AWSCron.get_next_n_schedule(COUNT, AFTER, each), each) for each in expressions],
        [asked(lambda each: AwsCroniter(each).get_next(AFTER, COUNT), each) for each in expressions],
        of_npm(expressions),
        strict=True,
    )
    agreed, outvoted = 0, []
    for expression, *judges in answers:
        expected = ours(expression)
        others = [judge for judge in judges if judge is not None and judge != expected]
        agreed += expected in judges
        outvoted += [expression] * any(others.count(judge) > 1 for judge in others)
    assert outvoted == []
    assert agreed > EXPRESSIONS / 2
