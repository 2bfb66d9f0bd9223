"""The pages at the end of a login: they load nothing and run nothing."""

import base64
import hashlib
import re

import pytest

from aichats_cli.admin.oauth_login import pages
from aichats_cli.admin.oauth_login.pages import CONNECTED, DENIED, FAILED, HEADERS, Page

PAGES = [page for page in vars(pages).values() if isinstance(page, Page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_page_has_no_script_and_only_the_style_that_its_policy_allows(page: Page) -> None:
    html, policy = page.body.decode(), HEADERS["Content-Security-Policy"]

    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{allowed}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script|\bstyle=|\bon[a-z]+=|\bsrc=|\bhref=|url\(", html) == []


def test_the_results_of_a_login_differ_at_a_glance() -> None:
    assert [page.tone for page in (CONNECTED, DENIED, FAILED)] == ["good", "quiet", "bad"]


def test_a_page_names_its_result_in_the_title_and_in_the_heading() -> None:
    html = CONNECTED.body.decode()

    assert f"<title>{CONNECTED.title} · aichats</title>" in html
    assert f"<h1>{CONNECTED.title}</h1>\n<p>{CONNECTED.text}</p>" in html
