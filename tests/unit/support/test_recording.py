"""The pictures of commands."""

import pytest

from tests.support import recording


@pytest.mark.parametrize(("theme", "background"), [("light", "#ffffff"), ("dark", "#0c0c0c")])
def test_a_picture_has_the_text_on_the_background_of_its_theme(
    theme: str, background: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "font_face", lambda: "")

    svg = recording.draw("\033[31mfailed\033[0m", 80, "80 columns", theme)

    assert "failed" in svg
    assert background in svg
    assert "url(" not in svg.partition("<defs>")[0], "no font is fetched"
