"""Bodies in the form ``multipart/form-data``, as clients send them, and as no client should."""

from typing import Any

import httpx
import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from aichats.api.forms import MAX_FORM_PARTS, FormFile, read_form
from aichats.errors import InputError

BOUNDARY = "------------------------d74496d66958873e"
"""A boundary of curl."""
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
PDF = b"%PDF-1.7\r\n\x00\xff--\r\n\r\n"

# httpx doubles a backslash, which browsers send as it is.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="%\\", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters='/\\%"', exclude_categories=["C"]), min_size=1)


def part(*lines: str, content: bytes = PDF) -> bytes:
    """Return a part with these lines in its head."""
    return f"--{BOUNDARY}\r\n{''.join(f'{line}\r\n' for line in lines)}\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def file_part(disposition: str, content: bytes = PDF) -> bytes:
    return part(f"Content-Disposition: form-data; {disposition}", "Content-Type: application/pdf", content=content)


def problem(body: bytes, content_type: str = TYPE) -> str:
    with pytest.raises(InputError) as caught:
        read_form(body, content_type)
    return str(caught.value)


def test_a_form_of_curl_has_its_texts_and_its_file_byte_for_byte() -> None:
    body = form(
        part('Content-Disposition: form-data; name="company_id"', content=b"biz_A"),
        file_part('name="file"; filename="report.pdf"'),
    )
    assert read_form(body, TYPE) == {"company_id": "biz_A", "file": FormFile("report.pdf", PDF)}


@given(name=NAMES, filename=PLAIN, content=st.binary(), text=st.text())
@example(name="file", filename="a", content=b"\r\n", text="")
@example(name="file", filename="a", content=b"\r\n--", text="--")
@example(name="file", filename="mail.eml", content=b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x--", text="\r")
def test_what_httpx_encodes_is_what_is_read(name: str, filename: str, content: bytes, text: str) -> None:
    files: dict[str, Any] = {name: (filename, content, "message/rfc822")}
    request = httpx.Request("POST", "https://api.invalid", files=files, data={f"{name}2": text})
    fields = read_form(request.read(), request.headers["content-type"])

    assert fields == {f"{name}2": text.encode("utf-8", "replace").decode(), name: FormFile(filename, content)}


@given(filename=PLAIN, content=st.binary())
def test_what_requests_encodes_is_what_is_read(filename: str, content: bytes) -> None:
    prepared = requests.Request("POST", "https://api.invalid", files={"file": (filename, content)}).prepare()
    body, content_type = prepared.body, prepared.headers["content-type"]
    assert isinstance(body, bytes)
    assert isinstance(content_type, str)
    assert read_form(body, content_type) == {"file": FormFile(filename, content)}


@given(body=st.binary() | st.lists(st.sampled_from([b"--", BOUNDARY.encode(), b"\r\n", b'"', b";", b"name=", b":"])))
def test_rubbish_is_an_invalid_form_and_never_another_error(body: bytes | list[bytes]) -> None:
    content = body if isinstance(body, bytes) else b"".join(body)
    try:
        fields = read_form(content, TYPE)
    except InputError:
        return
    assert f"--{BOUNDARY}--".encode() in content
    assert all(fields)


@given(cut=st.integers(0, len(form(file_part('name="file"; filename="a.pdf"'))) - len("--\r\n") - 1))
def test_a_form_that_is_cut_is_never_accepted(cut: int) -> None:
    whole = form(file_part('name="file"; filename="a.pdf"'))
    assert "is incomplete" in problem(whole[:cut])


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('name="file"; filename="/home/me/report.pdf"', "report.pdf"),
        (r'name="file"; filename="C:\Users\me\report.pdf"', "report.pdf"),
        ('name="file"; filename="../../report.pdf"', "report.pdf"),
        ('name="file"; filename="a %22b%22.pdf"', 'a "b".pdf'),
        (r'name="file"; filename="a \"b\".pdf"', 'a "b".pdf'),
        ('name="file"; filename="a; name=x.pdf"', "a; name=x.pdf"),
        ('filename="a.pdf"; name="file"', "a.pdf"),
        ("name=file; filename=a.pdf", "a.pdf"),
        ('NAME="file"; FILENAME="a.pdf"', "a.pdf"),
        ('name="file"; filename="x"; filename*=utf-8\'en\'%C3%BCber.pdf', "x"),
        ('name="file"; filename="über.pdf"', "über.pdf"),
        ('name="file"; filename="100%.pdf"', "100%.pdf"),
        ('name="file"; filename=""', ""),
    ],
)
def test_a_file_has_its_name_without_folders(disposition: str, filename: str) -> None:
    assert read_form(form(file_part(disposition)), TYPE) == {"file": FormFile(filename, PDF)}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "is incomplete"),
        (form(), None),
        (form(part()), "a part has no name"),
        (form(part("Content-Disposition: form-data")), "a part has no name"),
        (form(part('Content-Disposition: form-data; name=""')), "has a part without a name"),
        (form(part("no header")), "is incomplete"),
        (form(part('Content-Disposition: attachment; name="a"')), "is incomplete"),
        (form(file_part('name="file"; filename="a"')).replace(b"\r\n", b"\n"), "is incomplete"),
        (form(file_part('name="file"')), "file: must be a text in UTF-8"),
        (form(*[file_part('name="file"; filename="a"')] * 2), "file: must be sent only once"),
        (form(*[part(f'Content-Disposition: form-data; name="{n}"', content=b"") for n in range(11)]), "more than 10"),
        (form(file_part(f'name="{"x" * 5000}"')), "headers are too long"),
        (
            form(part('Content-Disposition: form-data; name="a"', "Content-Transfer-Encoding: base64")),
            "has a part with a Content-Transfer-Encoding",
        ),
    ],
)
def test_a_form_that_no_client_should_send_is_rejected_with_the_reason(body: bytes, expected: str | None) -> None:
    if expected is None:
        assert read_form(body, TYPE) == {}
    else:
        assert expected in problem(body)


def test_a_form_may_have_as_many_parts_as_the_limit_allows() -> None:
    parts = [part(f'Content-Disposition: form-data; name="{number}"', content=b"") for number in range(MAX_FORM_PARTS)]
    assert len(read_form(form(*parts), TYPE)) == MAX_FORM_PARTS


@pytest.mark.parametrize("boundary", ["", "; boundary=", '; boundary=""', "; border=x"])
def test_a_form_needs_a_boundary(boundary: str) -> None:
    assert "needs a boundary" in problem(form(), f"multipart/form-data{boundary}")


@pytest.mark.parametrize("boundary", [f'"{BOUNDARY}"', f"{BOUNDARY}; charset=utf-8", f" {BOUNDARY}".strip()])
def test_a_boundary_may_be_quoted_and_followed_by_more(boundary: str) -> None:
    assert read_form(form(), f"Multipart/Form-Data; Boundary={boundary}") == {}


def test_another_boundary_than_the_announced_one_is_rejected() -> None:
    body = form(file_part('name="file"; filename="a.pdf"'))
    assert "is incomplete" in problem(body, "multipart/form-data; boundary=other")


def test_the_work_for_a_hostile_head_is_bounded() -> None:
    backslashes = "\\" * 4000
    assert "a part has no name" in problem(form(file_part(f'filename="{backslashes}')))


@given(content_type=st.text() | st.lists(st.sampled_from([";", "boundary", "=", '"', "\\", " ", "a"])).map("".join))
def test_a_rubbish_content_type_is_an_invalid_form_and_never_another_error(content_type: str) -> None:
    assert problem(b"", f"multipart/form-data; {content_type}")


def test_a_file_shows_neither_its_name_nor_its_content() -> None:
    assert "report" not in repr(FormFile("report.pdf", b"report"))
