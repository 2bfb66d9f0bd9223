"""The page on which a user allows an app, and the page with an error."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from local.standins.shared.exchange import Reply
from local.standins.whop.oauth_parameters import Authorization

PAGE = Template(Path(__file__).with_name("consent.html").read_text())
MEANINGS = {
    "openid": "Confirm who you are",
    "profile": "See your name, your username and your picture",
    "email": "See your e-mail address",
    "ai_chat:create": "Create AI chats in your name",
    "ai_chat:update": "Change your AI chats: their titles and notifications",
    "ai_chat:delete": "Delete your AI chats",
}
"""The scopes in words. A scope that isn't here is shown as it is."""
DECISION, ALLOW, DENY = "decision", "allow", "deny"
CONSENT = f"""\
<h1>Allow <code>{{app}}</code> to use your Whop account?</h1>
<dl>
<dt>Your account</dt><dd>{{user}}</dd>
<dt>Company</dt><dd>{{company}}</dd>
</dl>
<h2>The app will be able to</h2>
<ul>
{{scopes}}
</ul>
<p class="quiet">Your decision is sent to <code>{{address}}</code>.</p>
<form method="post" action="/oauth/authorize">
{{fields}}
<div class="buttons">
<button class="allow" name="{DECISION}" value="{ALLOW}">Allow</button>
<button name="{DECISION}" value="{DENY}">Deny</button>
</div>
</form>"""
REJECTION = """\
<h1>This link doesn't work</h1>
<p>{problem}.</p>
<p class="quiet">The mock doesn't send you back to the app, because it can't trust the address. Fix the link, then
open it again.</p>"""


def consent_page(request: Authorization, user: str) -> Reply:
    """Return the page that asks the user for consent."""
    content = CONSENT.format(
        app=escape(request.client_id),
        user=escape(user),
        company=f"<code>{escape(request.company_id)}</code>" if request.company_id else "All companies of your account",
        scopes="\n".join(item_of(scope) for scope in request.scopes),
        address=escape(origin_of(request.redirect_uri)),
        fields=hidden(request.model_dump(exclude_none=True)),
    )
    return page("Allow access", content, 200, form_action=f"'self' {origin_of(request.redirect_uri)}")


def rejection_page(problem: str) -> Reply:
    """Return the page for a request whose app or address is not valid, so that the user can't be sent back."""
    return page("Invalid link", REJECTION.format(problem=escape(problem)), 400, form_action="'none'")


def item_of(scope: str) -> str:
    """Return the list item for a scope."""
    meaning = MEANINGS.get(scope)
    return f"<li>{meaning}<code>{scope}</code></li>" if meaning else f"<li><code>{escape(scope)}</code></li>"


def hidden(fields: Mapping[str, str]) -> str:
    """Return the hidden fields of the form."""
    return "\n".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items())


def origin_of(url: str) -> str:
    """Return the scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def page(title: str, content: str, status: int, *, form_action: str) -> Reply:
    """Return a page. It loads nothing, runs no scripts and can't be framed.

    Browsers also apply ``form-action`` to the redirect that follows a form, so it must have the app's address.
    """
    policy = "; ".join([
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        f"form-action {form_action}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ])  # fmt: skip
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    body = PAGE.substitute(title=title, content=content)
    return Reply(status, body.encode(), "text/html; charset=utf-8", headers)
