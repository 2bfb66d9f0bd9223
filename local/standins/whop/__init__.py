"""A mock of Whop's AI chats API, with state, versions, errors, rate limits, idempotency and faults."""
