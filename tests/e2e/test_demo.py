"""`make demo`, as people run it."""

import os
import re
import subprocess
import sys
import time

from local.setup import ROOT


def test_the_demo_shows_the_chat_that_a_schedule_made_for_a_company_muted() -> None:
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "local.demo"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = dict(re.findall(r"^  (\w+) +(\S.*)$", done.stdout.partition("holds:")[2], re.MULTILINE))
    assert set(shown) == {"chat", "title", "company", "muted", "run"}
    assert shown["chat"].startswith("aich_")
    assert (shown["title"], shown["company"], shown["muted"]) == ("Weekly revenue", "biz_XXXXX", "yes")
    assert "\033" not in done.stdout
    assert time.monotonic() - begun < 30
