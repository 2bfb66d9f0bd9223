"""Kodey's chats API."""
