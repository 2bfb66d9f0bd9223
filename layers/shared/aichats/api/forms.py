"""Bodies in the form ``multipart/form-data`` (RFC 7578), as ``curl -F`` and the forms of browsers send them."""

import re
from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING

from aichats.errors import InputError
from aichats.frozen import frozen
from aichats.validation import MAX_FIELD_CHARACTERS

if TYPE_CHECKING:
    from multipart import MultipartSegment

FORM = "multipart/form-data"
MAX_FORM_PARTS = 10
_VERBATIM = ("", "7bit", "8bit", "binary")
"""The transfer encodings that leave the content as it is."""


@frozen
class FormFile:
    """A file in a form.

    Attributes:
        filename: the name without folders. It may be empty.
    """

    filename: str = field(repr=False)
    content: bytes = field(repr=False)


def read_form(body: bytes, content_type: str) -> dict[str, str | FormFile]:
    """Return the fields of a form. A field with a file name is a file, all others are texts.

    Raises:
        InputError: the body isn't such a form, has too many parts, or has a field twice.
    """
    fields: dict[str, str | FormFile] = {}
    for head, content in _parts(body, content_type):
        name, filename = head.name or "", head.filename
        if not name:
            raise _invalid("has a part without a name")
        if head.header("Content-Transfer-Encoding", "").strip().lower() not in _VERBATIM:
            raise _invalid("has a part with a Content-Transfer-Encoding. Send the content as it is")
        if name in fields:
            raise InputError([(name[:MAX_FIELD_CHARACTERS], "must be sent only once")])
        if filename is None:
            fields[name] = _text(name, content)
        else:
            fields[name] = FormFile(re.split(r"[/\\]", filename)[-1], content)
    return fields


def _parts(body: bytes, content_type: str) -> Iterator[tuple["MultipartSegment", bytes]]:
    """Yield the head and the content of each part."""
    from multipart import (
        MultipartError,
        MultipartSegment,
        ParserLimitReached,
        PushMultipartParser,
        parse_options_header,
    )

    boundary = parse_options_header(content_type)[1].get("boundary")
    if not boundary:
        problem = f"{FORM} needs a boundary. Most HTTP clients add it if you don't set this header yourself"
        raise InputError([("Content-Type", problem)])
    head, content = MultipartSegment([]), b""
    try:
        with PushMultipartParser(boundary, max_segment_count=MAX_FORM_PARTS, strict=True) as parser:
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    head, content = event, b""
                elif event is not None:
                    content += event
                else:
                    yield head, content
    except ParserLimitReached:
        raise _invalid(f"has more than {MAX_FORM_PARTS} parts, or a part whose headers are too long") from None
    except MultipartError:
        # The error isn't shown, because it may contain names of files.
        raise _invalid("is incomplete, its boundary is wrong, or a part has no name") from None


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError([(name[:MAX_FIELD_CHARACTERS], "must be a text in UTF-8")]) from None


def _invalid(problem: str) -> InputError:
    return InputError([("body", problem)])
