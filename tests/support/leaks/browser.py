"""``python browser.py DECISION URL``: a browser whose user decides at once on Whop's page."""

import sys
from urllib.parse import urlsplit

from local.plain_http import plain_client


def main(decision: str, url: str) -> None:
    """Open the URL, and press the button of the decision unless Whop doesn't ask."""
    parts = urlsplit(url)
    with plain_client(follow_redirects=True) as http:
        page = http.get(url)
        if page.url.path == parts.path:
            fields = dict(page.request.url.params) | {"decision": decision}
            http.post(f"{parts.scheme}://{parts.netloc}{parts.path}", data=fields)


if __name__ == "__main__":
    main(*sys.argv[1:])
