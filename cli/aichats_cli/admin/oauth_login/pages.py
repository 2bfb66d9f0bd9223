"""The pages that the browser shows at the end of a login. None of them contains a value from a request."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

PAGE, STYLE = (Path(__file__).with_name(name).read_text() for name in ("page.html", "page.css"))
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    "default-src 'none'",
    f"style-src 'sha256-{STYLE_HASH}'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
"""The rules of the browser: the page loads nothing, runs nothing, and has no style but its own."""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "; ".join(POLICY),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of each page. The address of the page contains the code, so no other server may learn it."""
MARKS = {"good": "m6 12.5 4 4 8-9", "quiet": "M7 12h10", "bad": "M12 6v7m0 4.5v.01"}
"""The sign above the title as the path of an SVG, by the tone of the page."""


@dataclass(frozen=True)
class Page:
    """A page for the browser."""

    status: int
    title: str
    text: str
    tone: Literal["good", "quiet", "bad"] = "bad"

    @property
    def body(self) -> bytes:
        """The page in HTML."""
        values = {"title": self.title, "text": self.text, "tone": self.tone, "mark": MARKS[self.tone], "style": STYLE}
        return Template(PAGE).substitute(values).encode()


CONNECTED = Page(200, "Your Whop account is connected", "You can close this page and return to the terminal.", "good")
DENIED = Page(200, "You did not allow access", "aichats stored nothing. The terminal shows how to try again.", "quiet")
FAILED = Page(400, "The login failed", "aichats stored nothing new. The terminal shows the reason.")
NOT_FOUND = Page(404, "Not found", "This address only receives the result of a login at Whop.", "quiet")
NOT_OURS = Page(400, "Not the result of this login", "Open the URL that the terminal shows now.", "quiet")
USED = Page(409, "Already used", "The result of this login arrived before. The terminal shows how it ended.", "quiet")
