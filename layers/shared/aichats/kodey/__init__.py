"""Kodey's chats API."""

from aichats.kodey.client import KodeyClient
from aichats.kodey.models import Agent, Chat, ChatWithMessages, CreateChat, Message

__all__ = ["Agent", "Chat", "ChatWithMessages", "CreateChat", "KodeyClient", "Message"]
