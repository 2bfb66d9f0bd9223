"""Bodies in the form ``multipart/form-data`` (RFC 7578), as ``curl -F`` and the forms of browsers send them.

The modules of the standard library don't fit: those for mail change some contents, such as the parts of a message.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from aichats.errors import InputError
from aichats.validation import MAX_FIELD_CHARACTERS

FORM = "multipart/form-data"
MAX_FORM_PARTS = 10
MAX_PART_HEADER_BYTES = 8192
_BOUNDARY = re.compile(r'(?i);\s*boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))\s*(?:;|$)')
_PARAMETER = re.compile(r"""(?i);\s*(name|filename|filename\*)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""")
_VERBATIM = ("", "7bit", "8bit", "binary")
"""The transfer encodings that leave the content as it is."""


@dataclass(frozen=True)
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
    for head, content in _parts(body, _boundary(content_type)):
        name, filename = _names(head)
        if name in fields:
            raise InputError([(name[:MAX_FIELD_CHARACTERS], "must be sent only once")])
        fields[name] = _text(name, content) if filename is None else FormFile(filename, content)
    return fields


def _boundary(content_type: str) -> bytes:
    match = _BOUNDARY.search(content_type)
    if match is None:
        problem = f"{FORM} needs a boundary. Most HTTP clients add it if you don't set this header yourself"
        raise InputError([("Content-Type", problem)])
    return (match[1] or match[2]).encode()


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the head and the content of each part."""
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_FORM_PARTS + 2)
    for number, part in enumerate(parts):
        if part.startswith(b"--"):
            return
        if number == MAX_FORM_PARTS:
            raise _invalid(f"has more than {MAX_FORM_PARTS} parts")
        padding, line_break, rest = part.partition(b"\r\n")
        head, empty_line, content = (line_break + rest).partition(b"\r\n\r\n")
        if padding.strip(b" \t") or not empty_line or len(head) > MAX_PART_HEADER_BYTES:
            break
        yield head.decode(errors="replace"), content
    raise _invalid("is incomplete, or the boundary is wrong")


def _names(head: str) -> tuple[str, str | None]:
    """Return the name of a part's field, and the name of its file if it is one."""
    lines = (line.partition(":") for line in head.split("\r\n"))
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    if headers.get("content-transfer-encoding", "").lower() not in _VERBATIM:
        raise _invalid("has a part with a Content-Transfer-Encoding. Send the content as it is")
    disposition = headers.get("content-disposition", "")
    parameters = {match[1].lower(): _unquoted(match) for match in _PARAMETER.finditer(disposition)}
    if not parameters.get("name"):
        raise _invalid("has a part without a name")
    filename = parameters.get("filename*", parameters.get("filename"))
    return parameters["name"], None if filename is None else re.split(r"[/\\]", filename)[-1]


def _unquoted(match: re.Match[str]) -> str:
    """Return the value of a parameter. Browsers and curl escape a quotation mark as ``%22`` or with a backslash."""
    if match[1].endswith("*"):
        return unquote((match[2] or match[3]).rpartition("'")[2], errors="replace")
    return re.sub(r'\\(["\\])', r"\1", match[2] or match[3] or "").replace("%22", '"')


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError([(name[:MAX_FIELD_CHARACTERS], "must be a text in UTF-8")]) from None


def _invalid(problem: str) -> InputError:
    return InputError([("body", problem)])
