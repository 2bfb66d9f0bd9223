"""A real browser without a window, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser

from local import chromium


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run the browser for the ``with`` block. If there is none, skip the test."""
    try:
        with chromium.running_chromium() as browser:
            yield browser
    except chromium.NoBrowserError as error:
        pytest.skip(str(error))
