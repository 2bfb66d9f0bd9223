"""Runs. A run performs one action on one target for one occurrence of a trigger."""
