"""Fakes, builders and worlds that the tests share."""
