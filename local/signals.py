"""The end of a command: when it is done, by SIGINT, SIGTERM or SIGHUP, or by an error."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from aichats_cli.signals import SignalledError, end_on_signals
from local.disk import full, is_full
from local.errors import LocalError
from local.setup import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable


def interruptible(command: Callable[[], int]) -> int:
    """Run a command so that signals end it and its ``with`` blocks, even if it was started with signals ignored.

    SIGHUP stays ignored if it was, because `nohup` starts commands in this way, so that they outlive the terminal.
    Return the exit code: the command's own, 1 after a LocalError or a full disk, which is printed, or 128 + the number
    of the signal. If the reader of the output ends, such as `head`, that counts as SIGPIPE.
    """
    end_on_signals()
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        # At its exit, Python writes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        if not is_full(error):
            raise
        print(f"\n{full(ROOT)}", file=sys.stderr)
        return 1
    except SignalledError as signalled:
        return 128 + signalled.number
    return code
