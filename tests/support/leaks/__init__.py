"""A system full of canaries: all paths through it, and all places where a secret or a text could appear."""
