"""Kodey's chats API."""

from aichats.kodey.client import KodeyClient
from aichats.kodey.models import Chat, ChatWithMessages, Message, NewKodeyChat

__all__ = ["Chat", "ChatWithMessages", "KodeyClient", "Message", "NewKodeyChat"]
