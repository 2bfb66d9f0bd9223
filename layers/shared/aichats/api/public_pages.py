"""The pages that need no token: the documentation, the console, and the health of the API."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from aichats.api.problems import PROBLEMS_PAGE
from aichats.api.responses import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aichats.api.requests import ApiRequest

CONSOLE = "/console"
"""The path of the console. It and all paths below it need no token."""
_ADDRESSES = f'{{"console":"{CONSOLE}","docs":"/docs","openapi":"/openapi.json"}}'


def is_page(path: str) -> bool:
    """Return whether a path is a page that needs no token."""
    return path in PUBLIC or is_console(path)


def is_console(path: str) -> bool:
    """Return whether a path is the console's."""
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")


def methods_of_page(path: str) -> set[str]:
    """Return the methods of a path that is a page; none if it isn't one."""
    if is_console(path):
        return {"GET", "HEAD"}
    return {"GET"} if path in PUBLIC else set()


def page_at(request: ApiRequest) -> HttpAnswer:
    """Return the page that a request asks for with one of its methods."""
    page = _console(request) if is_console(request.path) else _PAGES[request.path](request)
    if request.method == "HEAD":
        page.body = ""
    return page


def _root(request: ApiRequest) -> HttpAnswer:
    vary = {"Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        return HttpAnswer(HTTPStatus.FOUND, headers=vary | {"Location": CONSOLE})
    return HttpAnswer(HTTPStatus.OK, _ADDRESSES, headers=vary)


def _health(_: ApiRequest) -> HttpAnswer:
    return HttpAnswer(HTTPStatus.OK, '{"status":"ok"}')


def _openapi(_: ApiRequest) -> HttpAnswer:
    return HttpAnswer(HTTPStatus.OK, _document(), packs=True)


def _docs(_: ApiRequest) -> HttpAnswer:
    page, policy = _swagger_ui()
    return HttpAnswer(HTTPStatus.OK, page, "text/html", {"Content-Security-Policy": policy}, packs=True)


def _problems(_: ApiRequest) -> HttpAnswer:
    from aichats.api.documentation import problems_page

    page, policy = problems_page()
    return HttpAnswer(HTTPStatus.OK, page, "text/html; charset=utf-8", {"Content-Security-Policy": policy})


def _favicon(_: ApiRequest) -> HttpAnswer:
    return HttpAnswer(HTTPStatus.NO_CONTENT, headers={"Cache-Control": "public, max-age=86400"})


def _console(request: ApiRequest) -> HttpAnswer:
    from aichats.api.console import asset_at

    path, known_etag = request.path.removeprefix(CONSOLE), request.headers.get("if-none-match", "")
    asset = asset_at(path, accepted=request.headers.get("accept-encoding", ""), known_etag=known_etag)
    return HttpAnswer(asset.status, asset.body, asset.content_type, asset.headers)


# Each page is built at its first request and kept. Its module is imported then.


@cache
def _document() -> str:
    from aichats.api.documentation import document_json

    return document_json()


@cache
def _swagger_ui() -> tuple[str, str]:
    from aichats.api.documentation import swagger_ui

    return swagger_ui()


_PAGES: dict[str, Callable[[ApiRequest], HttpAnswer]] = {
    "/": _root,
    "/health": _health,
    "/openapi.json": _openapi,
    "/docs": _docs,
    PROBLEMS_PAGE: _problems,
    "/favicon.ico": _favicon,
}
PUBLIC = tuple(_PAGES)
"""The paths of the pages that need no token, without the console."""
