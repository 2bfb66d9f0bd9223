"""Whop's AI chats API."""
