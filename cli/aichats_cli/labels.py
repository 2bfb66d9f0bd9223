"""Labels as people type them: `team=growth`, or `team:growth` as the API has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aichats_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_labels(texts: Iterable[str]) -> dict[str, str]:
    """Return the keys and values of labels.

    Raises:
        UsageError: a text isn't a key and a value.
    """
    return dict(_parts(text) for text in texts)


def label_filter(text: str | None) -> str | None:
    """Return a label as the API filters by it, such as ``team:growth``; ``None`` if there is none.

    Raises:
        UsageError: the text isn't a key and a value.
    """
    return text and ":".join(_parts(text))


def _parts(text: str) -> tuple[str, str]:
    parts = re.split("[=:]", text, maxsplit=1)
    if len(parts) == 1 or not parts[0]:
        raise UsageError(f"--label {text!r} is not a key and a value. Write one such as team=growth")
    return parts[0], parts[1]
