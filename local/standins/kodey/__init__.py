"""A mock of Kodey's chats API, as its developer pages describe it. It accepts anything that they don't mention."""
