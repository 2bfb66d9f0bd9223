"""`aichats files`: files that chats can attach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import FileView

app = new_group("Upload files that chats can attach.")

Company = Annotated[
    str | None,
    typer.Option("--for", metavar="BIZ_ID", help="The company of the chats. A file belongs to its Whop credential."),
]


@command(
    app,
    "upload",
    examples=[
        "aichats files upload report.pdf --for biz_A",
        "aichats files upload *.pdf --for biz_A -o name",
    ],
)
def upload_files(
    session: Session,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="The files, of any size up to 5 GB.")],
    *,
    company: Company = None,
) -> None:
    """Upload files, and show their IDs when they are ready."""
    from aichats_cli.attachments import upload_file

    uploaded: list[FileView] = []
    try:
        for path in paths:
            file = upload_file(session, path, company)
            uploaded.append(file)
    finally:
        if uploaded:
            session.output.items(
                uploaded,
                {
                    "id": lambda each: each["id"],
                    "name": lambda each: each["filename"],
                    "bytes": lambda each: each["size"],
                },
                name="id",
            )


@command(app, "show", examples=["aichats files show file_xxxxxxxxxxxxx --for biz_A"])
def show_file(
    session: Session,
    file_id: Annotated[str, typer.Argument(metavar="FILE_ID", help="The ID that the upload showed.")],
    *,
    company: Company = None,
) -> None:
    """Show a file with its state. Chats can attach it when it is ready."""
    file: FileView = session.api.get(f"/files/{quote(file_id, safe='')}", company_id=company)
    session.output.item(
        file,
        {
            "id": file["id"],
            "name": file["filename"],
            "state": file["upload_status"],
            "type": file["content_type"],
            "bytes": file["size"],
        },
        name="id",
    )
