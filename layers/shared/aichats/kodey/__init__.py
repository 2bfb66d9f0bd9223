"""Kodey's chats API."""

from aichats.kodey.client import KodeyClient
from aichats.kodey.models import Agent, Chat, ChatWithMessages, Message, NewKodeyChat

__all__ = ["Agent", "Chat", "ChatWithMessages", "KodeyClient", "Message", "NewKodeyChat"]
