"""The pages that the browser shows at the end of a login. None of them contains a value from a request."""

from dataclasses import dataclass

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of each page. The address of the page contains the code, so no other server may learn it."""


@dataclass(frozen=True)
class Page:
    """A page for the browser."""

    status: int
    title: str
    text: str

    @property
    def body(self) -> bytes:
        """The page in HTML."""
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>aichats: {self.title}</title><h1>{self.title}</h1><p>{self.text}</p></html>\n"
        ).encode()


CONNECTED = Page(200, "Your Whop account is connected", "You can close this page and return to the terminal.")
DENIED = Page(200, "You did not allow access", "aichats stored nothing. The terminal shows how to try again.")
FAILED = Page(400, "The login failed", "aichats stored nothing new. The terminal shows the reason.")
NOT_FOUND = Page(404, "Not found", "This address only receives the result of a login at Whop.")
NOT_OURS = Page(400, "Not a result of a login", "The address has no state. Begin with the URL that the terminal shows.")
USED = Page(409, "Already used", "The result of this login arrived before. The terminal shows how it ended.")
