"""The page with the deliveries that arrived, for people."""

import json
import secrets
import shlex
from collections.abc import Iterable, Sequence
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Any

from starlette.responses import Response

from local.standins.receiver.received import Received
from local.standins.receiver.signature import Verdict
from local.standins.shared.clock import iso

PAGE = Template(Path(__file__).with_name("page.html").read_text())
SUBSCRIBE = """\
API=http://127.0.0.1:3000  # the HTTP API that make dev shows
curl -X PUT "$API/subscriptions/local" -H 'Authorization: Bearer local-token' \\
  -H 'Content-Type: application/json' -d {definition}"""
SHOWN_EVENTS = ["run.succeeded", "run.failed"]
"""The events to which the command subscribes the receiver."""
COLORS = {"succeeded": "good", "failed": "bad", "unknown": "odd", "missed": "odd", "reply_overdue": "odd"}
"""The colors of the statuses. The others have none."""
SIGNATURES: dict[Verdict, tuple[str, str]] = {
    "valid": ("good", "signature valid"),
    "invalid": ("bad", "signature invalid"),
    "missing": ("odd", "no signature"),
    "unchecked": ("", "signature not checked"),
}
EMPTY = """\
<div class="empty">
<h2>No event has arrived yet</h2>
<p>Subscribe this receiver to events. Type this in another terminal:</p>
<pre>{command}</pre>
<p>Then start a run. Its event appears here.</p>
</div>"""


def inbox_page(received: Iterable[Received], keys: Sequence[bytes], url: str) -> Response:
    """Return the page of the receiver at ``url``, with the newest delivery first. It loads nothing from elsewhere."""
    newest_first = sorted(received, key=lambda each: -each.number)
    content = "\n".join(entry(each, keys) for each in newest_first) or EMPTY.format(command=escape(command(url)))
    nonce = secrets.token_urlsafe()
    policy = [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        f"script-src 'nonce-{nonce}'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    headers = {
        "content-security-policy": "; ".join(policy),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    page = PAGE.substitute(count=counted(newest_first), content=content, nonce=nonce)
    # JSON may have half of a surrogate pair, which UTF-8 can't express.
    return Response(page.encode(errors="replace"), 200, headers, "text/html; charset=utf-8")


def counted(received: Sequence[Received]) -> str:
    """Return how many deliveries there are, and how many of them are duplicates."""
    duplicates = sum(each.duplicate for each in received)
    deliveries = f"{len(received)} {'delivery' if len(received) == 1 else 'deliveries'}"
    return f"{deliveries}, {duplicates} duplicate{'' if duplicates == 1 else 's'}"


def command(url: str) -> str:
    """Return the command that subscribes the receiver at ``url``."""
    return SUBSCRIBE.format(definition=shlex.quote(json.dumps({"url": url, "events": SHOWN_EVENTS})))


def entry(delivery: Received, keys: Sequence[bytes]) -> str:
    """Return a delivery as HTML: one line, which opens to its body and its headers."""
    event, shown = parsed(delivery)
    data = event.get("data")
    fields = data if isinstance(data, dict) else {}
    about = [fields.get(name) for name in ("automation", "target", "run_id")]
    headers = "\n".join(f"{name}: {value}" for name, value in delivery.headers.items())
    return f"""\
<details data-number="{delivery.number}">
<summary>
<time>{iso(delivery.at, "seconds")[11:19]}</time>
<strong>{escape(title_of(event))}</strong>
<span class="badges">{"".join(badges(delivery, fields.get("status"), keys))}</span>
<span class="about">{escape(" · ".join(text for text in about if isinstance(text, str)))}</span>
<code class="id">{escape(delivery.webhook_id or "no webhook-id")}</code>
</summary>
<h3>Body</h3>
<pre>{escape(shown)}</pre>
<h3>Headers of POST {escape(delivery.path)}</h3>
<pre>{escape(headers)}</pre>
</details>"""


def parsed(delivery: Received) -> tuple[dict[str, Any], str]:
    """Return the event of a delivery, empty if it isn't a JSON object, and the body as people read it."""
    try:
        content = json.loads(delivery.text)
        shown = json.dumps(content, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return {}, delivery.text
    return content if isinstance(content, dict) else {}, shown


def title_of(event: dict[str, Any]) -> str:
    """Return the type of an event, or the text of a message for Slack."""
    for name in ("type", "text"):
        if isinstance(value := event.get(name), str):
            return value
    return "not an event"


def badges(delivery: Received, status: object, keys: Sequence[bytes]) -> Iterable[str]:
    """Yield the marks of a delivery: the run's status, a duplicate, the signature, an answer that isn't a success."""
    if isinstance(status, str):
        yield badge(COLORS.get(status, ""), status)
    if delivery.duplicate:
        yield badge("odd", "duplicate")
    yield badge(*SIGNATURES[delivery.signature(keys)])
    if delivery.status >= HTTPStatus.MULTIPLE_CHOICES:
        yield badge("bad", f"answered with {delivery.status}")


def badge(color: str, text: str) -> str:
    """Return a mark in a color."""
    return f'<span class="badge {color}">{escape(text)}</span>'
