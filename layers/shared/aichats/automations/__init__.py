"""Automations: their triggers, their runs, and the sweep that checks them."""
