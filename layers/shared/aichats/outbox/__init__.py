"""Turns the changes of the tables into events, and publishes them."""
