"""Subscriptions: receivers outside AWS to which aichats delivers events as signed webhooks."""
