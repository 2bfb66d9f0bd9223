"""A browser for all tests of the console in a process, and a console for each test.

The browser ends before other tests begin, because Playwright's event loop runs until then, and a thread can't run two.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import running_chromium
from tests.support.console import ConsoleServer
from tests.support.console_page import ConsolePage, console_page
from tests.support.stack_in_memory import StackInMemory


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def server() -> ConsoleServer:
    """A stack without automations, on this machine."""
    return ConsoleServer(StackInMemory())


@pytest.fixture
def console(browser: Browser, server: ConsoleServer) -> Iterator[ConsolePage]:
    """The console of that stack."""
    with console_page(browser, server) as console:
        yield console
