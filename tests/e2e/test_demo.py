"""`make demo`, as people run it."""

import os
import re
import subprocess
import sys
import time

from local.cloud.build import build
from local.setup import ROOT


def test_the_demo_shows_the_chats_that_schedules_made_one_muted_and_one_answered() -> None:
    build()  # the tests share it, and it is not what is timed
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "local.demo"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = done.stdout.split("holds:")[1:]
    whop, kodey = (dict(re.findall(r"^  (\w+)  +(\S.*)$", part, re.MULTILINE)) for part in parts)
    assert set(whop) == {"chat", "title", "company", "muted", "run"}
    assert whop["chat"].startswith("aich_")
    assert (whop["title"], whop["company"], whop["muted"]) == ("Weekly revenue", "biz_XXXXX", "yes")
    assert set(kodey) == {"chat", "agent", "message", "answer", "run"}
    assert (kodey["agent"], kodey["answer"]) == ("agent_support", f"You said: {kodey['message']}")
    assert "\033" not in done.stdout
    assert time.monotonic() - begun < 30
