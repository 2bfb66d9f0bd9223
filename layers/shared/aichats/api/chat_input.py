"""The chat that an API client asks for."""

from aichats.whop.attachments import Attachments
from aichats.whop.models import CompanyId, NewChat, NotificationPreference


class CreateChat(NewChat):
    """The chat to create."""

    company_id: CompanyId | None = None
    attachments: Attachments | None = None
    notification_preference: NotificationPreference | None = None
    await_reply: bool = False
