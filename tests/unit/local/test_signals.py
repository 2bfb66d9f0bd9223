"""The end of a command by a signal."""

import signal
import subprocess
import sys

from local.setup import ROOT

CUT = """
import os, signal, sys
from local.signals import interruptible

class Connection:
    def __init__(self):
        os.kill(os.getpid(), signal.SIGINT)
        self.socket = None

    def __del__(self):
        self.socket.close()

sys.exit(interruptible(Connection))
"""


def test_an_object_that_ctrl_c_leaves_half_built_prints_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", CUT], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "")
