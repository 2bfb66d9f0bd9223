"""The documentation that the API serves: the OpenAPI 3.1 document, Swagger UI, and the page of problems.

The document is a file, because to make it from the code takes longer than to answer a hundred calls.
"""

from __future__ import annotations

import html
import json
import re
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from aichats.api.content_policy import content_policy
from aichats.api.problems import title_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats.json_types import JsonObject

PAGES = Path(__file__).with_name("pages")
"""The folder with the files of the documentation and the console."""


def document_json() -> str:
    """Return the OpenAPI document as JSON. ``make generate`` writes it."""
    return page_text("openapi.json")


def swagger_ui() -> tuple[str, str]:
    """Return Swagger UI and its Content-Security-Policy. The HTML page fetches nothing else."""
    from aws_lambda_powertools.event_handler.openapi import swagger_ui as ui

    assets = Path(ui.__file__).parent
    # The JSON is inside a script element, so it must not contain the end of one.
    spec = document_json().replace("</", "<\\/")
    script = assets.joinpath("swagger-ui-bundle.min.js").read_text("utf-8")
    style = assets.joinpath("swagger-ui.min.css").read_text("utf-8")
    page = str(ui.generate_swagger_html(spec, script, style, "", None, persist_authorization=True))
    page = page.replace("<html>", '<html lang="en">', 1).replace("Swagger UI</title>", "aichats API</title>", 1)
    page = page.replace('currentUrl.pathname + "?format=json"', '"/openapi.json"', 1)
    page = page.replace("</head>", f"{page_text('docs_head.html')}</head>", 1)
    return page, content_policy(page)


def problems() -> dict[str, JsonObject]:
    """Return the ``statuses``, the ``meaning`` and the ``remedy`` of each kind of problem."""
    return page_json("problems.json")


@cache
def problems_page() -> tuple[str, str]:
    """Return the HTML page that explains each kind of problem, and its Content-Security-Policy."""
    page = Template(page_text("problems.html")).substitute(problems="\n".join(_paragraphs()))
    return page, content_policy(page)


def _paragraphs() -> Iterator[str]:
    for kind, problem in problems().items():
        statuses = ", ".join(map(str, problem["statuses"]))
        texts = (re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(problem[name])) for name in ("meaning", "remedy"))
        yield f'<h2 id="{kind}">{title_of(kind)} ({statuses})</h2>' + "".join(f"<p>{text}</p>" for text in texts)


def page_text(name: str) -> str:
    """Return a file of the folder ``pages``."""
    return PAGES.joinpath(name).read_text("utf-8")


def page_json(name: str) -> JsonObject:
    """Return the content of a JSON file of the folder ``pages``."""
    content: JsonObject = json.loads(page_text(name))
    return content
