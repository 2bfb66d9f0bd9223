"""A mock receiver of the events that aichats sends, for development, demos and tests."""
