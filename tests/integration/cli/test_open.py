"""`aichats open`: pages in the browser."""

from pathlib import Path

import pytest

from aichats_cli.profiles import Profile, Profiles, change, path_of
from tests.support.laptop import URL, Laptop

RUN = "7dkvkx67yk3ohceybwotydkh6yz3vp2g"


def test_on_a_terminal_the_page_is_opened_in_the_browser(laptop: Laptop) -> None:
    opened = laptop("open", terminal=True)

    assert laptop.opened == [f"{URL}/console"]
    assert (opened.code, opened.out, opened.err) == (0, "", f"Opened {URL}/console\n")


@pytest.mark.parametrize(("options", "terminal"), [([], False), (["--print"], True), (["-o", "name"], True)])
def test_a_pipe_gets_the_url(laptop: Laptop, options: list[str], *, terminal: bool) -> None:
    assert laptop("open", *options, terminal=terminal).out == f"{URL}/console\n"
    assert laptop.opened == []


def test_without_a_browser_the_url_is_printed(laptop: Laptop) -> None:
    laptop.has_browser = False

    opened = laptop("open", terminal=True)

    assert (opened.code, opened.out) == (0, f"{URL}/console\n")


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ("console", f"{URL}/console"),
        ("docs", f"{URL}/docs"),
        ("problems", f"{URL}/docs/problems"),
        ("receiver", "http://127.0.0.1:8003/"),
    ],
)
def test_other_pages_have_names(laptop: Laptop, page: str, url: str) -> None:
    assert laptop("open", page, "-o", "json").json == {"url": url}


def test_an_automation_and_a_run_have_pages(laptop: Laptop) -> None:
    laptop("auto", "create", "weekly", "--every", "1h", "--for", "biz_A", "--message", "Hello")

    assert laptop("open", "weekly").out == f"{URL}/console/automations/weekly\n"
    assert laptop("open", RUN).out == f"{URL}/console/runs/{RUN}\n"


def test_a_path_is_a_page_of_the_console_even_if_an_automation_has_the_name_of_a_page(laptop: Laptop) -> None:
    laptop("auto", "create", "docs", "--every", "1h", "--for", "biz_A", "--message", "Hello")

    assert laptop("open", "docs").out == f"{URL}/docs\n"
    assert laptop("open", "/automations/docs").out == f"{URL}/console/automations/docs\n"
    assert laptop("open", "/runs?status=failed").out == f"{URL}/console/runs?status=failed\n"


def test_a_word_with_a_typo_opens_nothing(laptop: Laptop) -> None:
    failed = laptop("open", "dashbord", terminal=True)

    assert (failed.code, laptop.opened) == (1, [])
    assert "dashbord" in failed.err


def test_a_text_that_is_no_name_is_wrong_usage(laptop: Laptop) -> None:
    assert laptop("open", "Weekly!").code == 2


def test_a_stack_on_aws_has_a_dashboard(laptop: Laptop, tmp_path: Path) -> None:
    laptop.variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    profile = Profile("prod", "https://api.example", "token", "aichats-prod", "eu-central-1")
    change(path_of(laptop.variables), lambda _: Profiles({"prod": profile}, "prod"))

    assert laptop("open", "dashboard").out == (
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
        "#dashboards/dashboard/aichats-prod\n"
    )


def test_a_profile_without_a_stack_on_aws_has_none(laptop: Laptop) -> None:
    failed = laptop("open", "dashboard")

    assert failed.code == 1
    assert failed.err.endswith("  → aichats login --stack NAME --region REGION\n")


@pytest.mark.parametrize("page", ["receiver"])
def test_a_stack_elsewhere_has_no_receiver(laptop: Laptop, page: str) -> None:
    laptop.variables["AICHATS_URL"] = "https://api.example"

    assert "is not a local stack" in laptop("open", page).err
