"""The share of a CPU that Lambda gives a function, for a process on this machine.

Lambda gives CPU in proportion to memory: a whole virtual CPU at 1,769 MB. The init phase has a whole one at any size,
so only the handler is limited. A process is stopped when it has used its share of a period, as Lambda's scheduler does.
"""

import os
import signal
import time
from contextlib import suppress
from threading import Event, Thread
from typing import Self

WHOLE_CPU_MB = 1769
PERIOD = 0.02
STEP = 0.0005


class CpuShare:
    """Limits a process in its ``with`` block while ``busy`` is set.

    Args:
        pid: the process.
        share: the share of a CPU. A share of 1 or more is no limit.
        busy: set while the handler works.
    """

    def __init__(self, pid: int, share: float, busy: Event) -> None:
        self._pid = pid
        self._share = share
        self._busy = busy
        self._ended = Event()
        self._thread = Thread(target=self._limit, daemon=True)

    def __enter__(self) -> Self:
        if self._share < 1:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _limit(self) -> None:
        # The process may end at any time.
        with suppress(OSError):
            left = 0.0
            while not self._ended.is_set():
                if not self._busy.wait(STEP):
                    left = 0.0
                    continue
                # What was used too much in a period is missing in the next one.
                left = min(left, 0.0) + self._share * PERIOD
                left -= self._period(left)

    def _period(self, allowance: float) -> float:
        """Let the process work for a period. Return the seconds of CPU that it used."""
        begun, ends = cpu_seconds(self._pid), time.perf_counter() + PERIOD
        while self._busy.is_set() and (rest := ends - time.perf_counter()) > 0:
            if cpu_seconds(self._pid) - begun >= allowance:
                os.kill(self._pid, signal.SIGSTOP)
                try:
                    time.sleep(rest)
                finally:
                    os.kill(self._pid, signal.SIGCONT)
                break
            time.sleep(STEP)
        return cpu_seconds(self._pid) - begun


def cpu_seconds(pid: int) -> float:
    """Return the seconds of CPU that all threads of a process have used.

    Raises:
        OSError: the process doesn't exist.
    """
    # The id of the clock of another process, as clock_getcpuclockid(3) returns it.
    return time.clock_gettime((~pid << 3) | 2)


def share_of(memory_mb: int) -> float:
    """Return the share of a CPU that Lambda gives for a function's memory, at most 1."""
    return min(1.0, memory_mb / WHOLE_CPU_MB)
