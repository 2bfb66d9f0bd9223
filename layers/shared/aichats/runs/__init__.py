"""Runs. A run is one action on one target for one occurrence of a trigger."""
