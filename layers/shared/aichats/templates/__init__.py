"""Texts with `{{ … }}`: syntax, budget, rendering and filters. Pure: no AWS, no provider."""
