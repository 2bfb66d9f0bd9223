"""Whop's AI chats API."""

from aichats.whop.client import WhopClient
from aichats.whop.models import AiChat, CreateAiChat, UpdateAiChat

__all__ = ["AiChat", "CreateAiChat", "UpdateAiChat", "WhopClient"]
