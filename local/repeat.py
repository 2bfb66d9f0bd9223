"""An action that is repeated in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from httpx import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def repeating(action: Callable[[], None], *, every: float, report: Callable[[str], None]) -> Iterator[None]:
    """Call ``action`` every ``every`` seconds, in a thread, until the ``with`` block ends.

    If the local system doesn't answer or rejects a call, or the disk is full, ``report`` is called with the error, once
    for each message, and the repetition continues.
    """
    ended = threading.Event()
    reported: set[str] = set()

    def run() -> None:
        while not ended.wait(every):
            try:
                action()
            except (BotoCoreError, ClientError, HTTPError, OSError) as error:
                if str(error) not in reported:
                    reported.add(str(error))
                    with contextlib.suppress(OSError):  # the output may go to the disk that is full
                        report(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
