"""`aichats admin` without the packages of the extra `admin`."""

import sys

import pytest

from tests.support.admin import admin


@pytest.mark.parametrize("package", ["boto3", "botocore", "aichats"])
def test_a_missing_package_is_reported_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(("aichats_cli.admin", f"{package}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    assert admin("secret", "set", "whop", "--stack", "aichats-dev") == 1

    printed = capsys.readouterr().err
    assert f"Error: aichats admin needs the extra `admin`: the package {package} is missing\n" in printed
    assert "pip install 'aichats-cli[admin]'" in printed
    assert "uvx --from 'aichats-cli[admin]'" in printed


def test_the_help_needs_none_of_them(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.startswith(("aichats_cli.admin", "aichats_cli.commands.admin"))]:
        monkeypatch.delitem(sys.modules, name)
    for package in ("boto3", "botocore", "aichats"):
        monkeypatch.setitem(sys.modules, package, None)

    assert admin("connect", "--help") == 0

    assert "aichats admin connect --client-id app_XXXXX" in capsys.readouterr().out
