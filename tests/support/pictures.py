"""Pictures of the console: `python -m tests.support.pictures FOLDER [PATH …] [--url URL] [--height PIXELS]`.

Each page is drawn in both themes, on a narrow and a wide screen. Without a URL, a stack in memory is served, and
without a path, all of its pages are drawn.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from tests.support.browser import running_chromium
from tests.support.console import ConsoleServer
from tests.support.console_life import LivingStack
from tests.support.console_world import lively_stack

WIDTHS = (400, 1440)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
QUIET_MS = 500
"""The time without a request after which a page is complete."""


def pages_of(stack: LivingStack) -> dict[str, str]:
    """Return the paths of the pages of a stack, by the names of their pictures."""
    unknown = max((row for row in stack.runs if row.status == "unknown"), key=attrgetter("created_at"))
    menu = ("automations", "create", "runs", "chats", "usage", "subscriptions", "connections")
    return {
        "now": "",
        **{name: f"/{name}" for name in menu},
        "automation": "/automations/weekly-revenue",
        "run": f"/runs/{unknown.run.run_id}",
        "subscription": "/subscriptions/old-crm",
    }


def draw(browser: Browser, url: str, name: Path, height: int | None) -> Iterator[Path]:
    """Draw a page in each theme and width, and yield the files, whose names begin with ``name``.

    With a height, only so many pixels are drawn.
    """
    for theme in THEMES:
        for width in WIDTHS:
            context = browser.new_context(
                color_scheme=theme, viewport={"width": width, "height": height or 900}, timezone_id="Europe/Berlin"
            )
            page = context.new_page()
            page.goto(url)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(QUIET_MS)
            file = name.with_name(f"{name.name}-{theme}-{width}.png")
            page.screenshot(path=file, full_page=height is None)
            context.close()
            yield file


@contextmanager
def served(url: str | None, paths: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield a URL and the paths of the pages to draw, by the names of their pictures.

    Without a URL, a stack in memory is served.
    """
    named = {path.partition("?")[0].strip("/").replace("/", "-") or "now": path for path in paths}
    if url:
        yield url, named
    else:
        stack = lively_stack(datetime.now(UTC))
        with ConsoleServer(stack).running() as own:
            yield own, named or pages_of(stack)


def main() -> None:
    """Draw the pages."""
    import_module("tests.conftest")  # It sets the environment of a function.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    parser.add_argument("--url")
    parser.add_argument("--height", type=int, help="draw only so many pixels")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with served(options.url, options.paths) as (url, pages), running_chromium() as browser:
        for name, path in pages.items():
            for file in draw(browser, f"{url}/console{path}", options.folder / name, options.height):
                sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
