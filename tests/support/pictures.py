"""Pictures of the console: `python -m tests.support.pictures FOLDER [PATH …] [--url URL]`.

Each page is drawn in both themes, on a narrow and a wide screen. Without a URL, a stack in memory is served.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from tests.support.browser import running_chromium
from tests.support.console import ConsoleServer
from tests.support.console_world import lively_stack

PATHS = ("", "/automations", "/create", "/runs", "/usage", "/subscriptions", "/connections")
WIDTHS = (400, 1440)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
QUIET_MS = 500
"""The time without a request after which a page is complete."""


def draw(browser: Browser, url: str, path: str, folder: Path) -> Iterator[Path]:
    """Draw a page in each theme and width, and yield the files."""
    for theme in THEMES:
        for width in WIDTHS:
            context = browser.new_context(
                color_scheme=theme, viewport={"width": width, "height": 900}, timezone_id="Europe/Berlin"
            )
            page = context.new_page()
            page.goto(f"{url}/console{path}")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(QUIET_MS)
            name = path.partition("?")[0].strip("/").replace("/", "-") or "now"
            file = folder / f"{name}-{theme}-{width}.png"
            page.screenshot(path=file, full_page=True)
            context.close()
            yield file


@contextmanager
def served(url: str | None) -> Iterator[str]:
    """Yield the URL or, without one, that of a stack in memory."""
    if url:
        yield url
    else:
        with ConsoleServer(lively_stack(datetime.now(UTC))).running() as own:
            yield own


def main() -> None:
    """Draw the pages."""
    import_module("tests.conftest")  # It sets the environment of a function.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("paths", nargs="*", default=PATHS)
    parser.add_argument("--url")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with served(options.url) as url, running_chromium() as browser:
        for path in options.paths:
            for file in draw(browser, url, path, options.folder):
                sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
