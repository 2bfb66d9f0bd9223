"""Something that is done again and again beside the main thread."""

from __future__ import annotations

import contextlib
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def repeating(action: Callable[[], None], *, every: float, tell: Callable[[str], None]) -> Iterator[None]:
    """Do ``action`` every so many seconds, in a thread, for the ``with`` block.

    If the local AWS does not answer or rejects a call, or the disk is full, ``tell`` is called once, and it goes on.
    """
    ended = threading.Event()
    told: set[str] = set()

    def run() -> None:
        while not ended.wait(every):
            try:
                action()
            except (BotoCoreError, ClientError, OSError) as error:
                if str(error) not in told:
                    told.add(str(error))
                    with contextlib.suppress(OSError):  # what is printed may go to the disk that is full
                        tell(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
