"""A person in front of the console: a page of the browser, and the stack that it shows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

from local.build_console import SOURCE
from tests.support.console import ConsoleServer
from tests.support.stack_in_memory import StackInMemory

type Theme = Literal["light", "dark"]

AXE = SOURCE / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PATIENCE_MS = 30_000
"""The longest wait for something on the page, on a busy machine."""


@dataclass
class ConsolePage:
    """A page of the console, and the stack behind it.

    Attributes:
        broken_rules: what the browser reported: errors of scripts, violations of the Content-Security-Policy, and
            requests to other hosts.
    """

    server: ConsoleServer
    page: Page
    url: str
    broken_rules: list[str] = field(default_factory=list)

    @property
    def stack(self) -> StackInMemory:
        """The stack that the console shows."""
        return self.server.stack

    def open(self, path: str = "") -> "ConsolePage":
        """Open a path below ``/console``, and wait until nothing is loading."""
        self.page.goto(f"{self.url}/console{path}")
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until the page shows everything that it asked for, and nothing that it asked for is under way.

        A read under way would otherwise meet what a test changes next, for example a token that expires.
        """
        self.page.wait_for_function(SETTLED)

    def note_request(self, url: str) -> None:
        """Note a request if it goes to another host."""
        if not url.startswith((self.url, "data:", "blob:", "about:")):
            self.broken_rules.append(f"request to {url}")

    @property
    def text(self) -> str:
        """The text of the content, as a person sees it."""
        return self.page.inner_text("main")

    def button(self, name: str) -> Locator:
        """Return the button with this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def wait_for(self, text: str) -> None:
        """Wait until a text is visible."""
        self.page.get_by_text(text).first.wait_for()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def focus(self) -> str:
        """The name of the element that has the focus."""
        script = (
            "() => { const e = document.activeElement; return e.getAttribute('aria-label') || e.innerText || e.name }"
        )
        return str(self.page.evaluate(script))

    def check_accessibility(self) -> None:
        """Check the page as it is now by the rules of WCAG 2.2 AA, in both themes."""
        if not AXE.exists():
            pytest.skip("axe is not installed; run `make console`")
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)
            self.page.evaluate(AXE.read_text())
            found = self.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
            violations = [_violation(each) for each in found["violations"]]
            assert not violations, f"{theme}: {violations}"

    @property
    def overflows(self) -> bool:
        """True if the page is wider than the window."""
        return bool(self.page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"))


@contextmanager
def console_page(browser: Browser, server: ConsoleServer, **context: Any) -> Iterator[ConsolePage]:
    """Open the console of a server in a new profile. When the ``with`` block ends, nothing may have been reported."""
    options: dict[str, Any] = {
        "timezone_id": "Europe/Berlin",
        "locale": "en-US",
        "viewport": {"width": 1280, "height": 900},
        # Colors that fade in have too little contrast for a while.
        "reduced_motion": "reduce",
    }
    with server.running() as url:
        profile = browser.new_context(**(options | context))
        profile.set_default_timeout(PATIENCE_MS)
        profile.add_init_script(REPORT_VIOLATIONS)
        profile.add_init_script(COUNT_READS)
        page = profile.new_page()
        # The page's clock is the stack's, and its timers run as always.
        page.clock.set_system_time(server.stack.clock())
        console = ConsolePage(server, page, url)
        page.on("pageerror", lambda error: console.broken_rules.append(str(error)))
        page.on("console", _recorder(console))
        page.on("request", lambda request: console.note_request(request.url))
        yield console
        profile.close()
        assert console.broken_rules == []


REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""

COUNT_READS = """
window.readsUnderWay = 0;
const { fetch } = window;
window.fetch = (...request) => {
  window.readsUnderWay++;
  return fetch(...request).finally(() => window.readsUnderWay--);
};
"""
SETTLED = "() => window.readsUnderWay === 0 && document.querySelector('main') && !document.querySelector('.loading')"


def _recorder(console: ConsolePage) -> Callable[[ConsoleMessage], None]:
    def record(message: ConsoleMessage) -> None:
        # The browser itself writes a line for each answer with an error status, which the tests provoke.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            console.broken_rules.append(message.text)

    return record


def _violation(found: dict[str, Any]) -> str:
    nodes = "; ".join(f"{node['target']} {node.get('failureSummary', '')}" for node in found["nodes"])
    return f"{found['id']}: {found['help']}: {nodes}"
