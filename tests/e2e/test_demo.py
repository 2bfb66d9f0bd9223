"""`make demo`, as people run it."""

import re
import resource
import sys

from local.cloud.build import build
from local.setup import ROOT
from tests.support.commands import run_command


def test_the_demo_shows_the_chats_that_schedules_created_one_muted_and_one_answered() -> None:
    build()  # the tests share it, and it is not what is measured
    begun = cpu_seconds()
    done = run_command(sys.executable, "-m", "local.demo", cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = done.stdout.split("Chat in the mock of ")[1:]
    whop, kodey = (dict(re.findall(r"^  (\w+)  +(\S.*)$", part, re.MULTILINE)) for part in parts)
    assert set(whop) == {"chat", "title", "company", "muted", "run"}
    assert whop["chat"].startswith("aich_")
    assert (whop["title"], whop["company"], whop["muted"]) == ("Weekly revenue", "biz_XXXXX", "yes")
    assert set(kodey) == {"chat", "agent", "message", "answer", "run"}
    assert (kodey["agent"], kodey["answer"]) == ("agent_support", f"You said: {kodey['message']}")
    assert "\033" not in done.stdout
    assert cpu_seconds() - begun < 30


def cpu_seconds() -> float:
    """Return the CPU seconds of this process's ended child processes."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime
