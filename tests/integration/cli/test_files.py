"""`aichats files` on a stack in memory."""

from pathlib import Path

from tests.support.cli import Cli


def file_of(folder: Path, name: str) -> str:
    path = folder / name
    path.write_bytes(b"%PDF")
    return str(path)


def test_files_are_uploaded_and_shown(cli: Cli, tmp_path: Path) -> None:
    paths = [file_of(tmp_path, "a.pdf"), file_of(tmp_path, "b.pdf")]

    uploaded = cli("files", "upload", *paths)

    assert uploaded.code == 0
    assert [line.split()[0] for line in uploaded.out.splitlines()] == ["ID", "file_1", "file_1"]
    assert cli.stack.whop.uploads == [b"%PDF", b"%PDF"]


def test_the_name_of_a_file_is_its_id_for_the_next_command(cli: Cli, tmp_path: Path) -> None:
    assert cli("files", "upload", file_of(tmp_path, "a.pdf"), "-o", "name").out == "file_1\n"


def test_json_has_the_same_fields_for_each_upload_and_no_url(cli: Cli, tmp_path: Path) -> None:
    [file] = cli("files", "upload", file_of(tmp_path, "a.pdf"), "-o", "json").json
    assert file.keys() == {"id", "filename", "upload_status", "content_type", "size"}


def test_files_before_the_one_that_fails_are_shown(cli: Cli, tmp_path: Path) -> None:
    failed = cli("files", "upload", file_of(tmp_path, "a.pdf"), str(tmp_path / "b.pdf"), "-o", "name")

    assert (failed.code, failed.out) == (1, "file_1\n")
    assert f"can't read {tmp_path / 'b.pdf'}: No such file or directory" in failed.err


def test_a_file_is_shown_with_the_credential_of_its_company(cli: Cli) -> None:
    shown = cli("files", "show", "file_1", "--for", "biz_own")

    assert (shown.code, shown.out.splitlines()[0].split()) == (0, ["id", "file_1"])
    assert cli.stack.whop.requests[0].headers["authorization"] == "Bearer whop-key-of-biz-own"


def test_a_text_that_is_no_id_of_a_file_is_rejected(cli: Cli) -> None:
    assert cli("files", "show", "../chats").code == 1
    assert cli.stack.whop.requests == []
