"""Checks the form of an automation without a stack: the names of its fields, and what they contain.

The API checks everything else, with `aichats plan` and `aichats validate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aichats_cli.code.problems import DocumentError, FieldPath

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED = ("trigger", "action", "targets")
FORMS: dict[str, type[dict[str, Any] | list[Any] | str]] = {
    "trigger": dict,
    "action": dict,
    "targets": list,
    "missed": str,
    "overlap": str,
    "description": str,
    "labels": dict,
    "managed_by": str,
    "budget": dict,
}
"""The fields of an automation."""
CLEARED = frozenset({"description", "managed_by", "budget"})
"""The fields that may be null."""
IN_WORDS: dict[type[object], str] = {dict: "a group of fields", list: "a list", str: "a text"}


def check_form(fields: Any) -> None:
    """Check the names of fields, and whether each is a text, a list or a group of fields.

    Raises:
        DocumentError: the automation has another form.
    """
    if not isinstance(fields, dict):
        raise DocumentError(f"must have the fields of an automation: {', '.join(REQUIRED)} …")
    for name in fields:
        _check_name(name)
    for name in REQUIRED:
        if name not in fields:
            raise DocumentError("is missing", (name,))
    for name, value in fields.items():
        _check_kind(name, value)
    for key, value in fields.get("labels", {}).items():
        if not isinstance(value, str):
            raise DocumentError(f"must be a text. Put it into quotes: {key}: {str(value)!r}", ("labels", key))
    _check_action(fields["action"])
    _check_texts(fields)


def _check_name(name: str) -> None:
    from difflib import get_close_matches

    if name == "name":
        raise DocumentError("the name of the file is the name of the automation. Remove this field", ("name",))
    if name not in FORMS:
        near = get_close_matches(name, FORMS, 1)
        hint = f"Do you mean {near[0]}?" if near else f"The fields are {', '.join(FORMS)}"
        raise DocumentError(f"is not a field of an automation. {hint}", (name,))


def _check_kind(name: str, value: object) -> None:
    if value is None and name in CLEARED:
        return
    if not isinstance(value, FORMS[name]):
        raise DocumentError(f"must be {IN_WORDS[FORMS[name]]}", (name,))


def _check_action(action: dict[str, Any]) -> None:
    """Reject paths as attachments.

    A plan that is applied as shown can't upload files: an ID at Whop is valid only for the credential that uploaded
    the file, and neither the stack nor Whop knows which content an ID has. So the second plan couldn't see whether the
    file has changed.
    """
    attachments = action.get("attachments")
    for place, attachment in enumerate(attachments if isinstance(attachments, list) else []):
        if isinstance(attachment, str) and not attachment.startswith("file_"):
            hint = f"Upload it, and write the ID that you get here: aichats files upload {attachment}"
            raise DocumentError(f"{attachment} is not the ID of a file. {hint}", ("action", "attachments", place))


def _check_texts(value: Any) -> None:
    for path, text in _texts(value, ()):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DocumentError("has half of a surrogate pair, which isn't a character", path) from None


def _texts(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path, key
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
