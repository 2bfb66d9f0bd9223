"""Automations: their definitions, their triggers, their runs, and the sweep."""
