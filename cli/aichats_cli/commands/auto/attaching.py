"""The files that `aichats auto create` attaches. A file that was uploaded belongs to one Whop credential."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats_cli.models import Attachment
    from aichats_cli.session import Session

MOST_CHECKED = 50
"""The number of companies that are checked. Each takes a request to Whop."""
URL_HINT = "attach its https:// or s3:// URL, which aichats uploads for each company, or create an automation for each"


def attached(session: Session, files: Sequence[str], targets: Sequence[str | None]) -> list[Attachment]:
    """Return what an automation attaches. Local files are uploaded for its first company.

    Raises:
        CommandError: a file can't be uploaded, or a company of the automation can't attach it.
    """
    from aichats_cli.attachments import attachments_of

    companies = [target for target in dict.fromkeys(targets) if target is None or "{{" not in target]
    owner, others = (companies[0], companies[1:]) if companies else (None, [])
    attachments = attachments_of(session, files, owner)
    uploaded = [(name, each) for name, each in zip(files, attachments, strict=True) if isinstance(each, str)]
    for name, file_id in [pair for pair in uploaded if pair[0] != pair[1]][:1]:
        if strangers := [each for each in others[:MOST_CHECKED] if not may_attach(session, file_id, each)]:
            shown = ", ".join(each or "a chat without a company" for each in strangers)
            raise CommandError(
                f"{shown} can't attach {name}, because it was uploaded with the Whop credential of"
                f" {owner or 'the stack'}. Nothing was created",
                URL_HINT,
            )
        if len(companies) < len(dict.fromkeys(targets)) or len(others) > MOST_CHECKED:
            session.note(
                f"Warning: {name} was uploaded with the Whop credential of {owner or 'the stack'}. Companies with"
                " another credential can't attach it, and not all were checked"
            )
    return attachments


def may_attach(session: Session, file_id: str, company: str | None) -> bool:
    """Return whether the chats of a company can attach a file: Whop shows a file only to its own credential."""
    from aichats_cli.api import ApiError

    try:
        session.api.get(f"/files/{file_id}", company_id=company)
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True
