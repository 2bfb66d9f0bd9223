"""Runs as the command shows, watches and changes them."""
