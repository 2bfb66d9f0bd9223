"""The Content-Security-Policy of the API's HTML pages."""

import base64
import hashlib
import re


def content_policy(page: str, *, scripts: str = "") -> str:
    """Return the policy that lets a page use its own scripts and styles, and call its own API, but nothing else.

    Args:
        page: the HTML page. Its inline scripts and styles are allowed by their hashes.
        scripts: the sources of further scripts, as in the policy.
    """
    directives = {
        "default-src": "'none'",
        "script-src": f"{scripts} {_hashes(page, 'script')}".strip(),
        "style-src": _hashes(page, "style"),
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources or "'none'"}" for name, sources in directives.items())


def _hashes(page: str, element: str) -> str:
    """Return the policy's sources for the inline scripts or styles of a page: their hashes."""
    contents = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
