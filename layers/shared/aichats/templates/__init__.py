"""Texts with `{{ … }}`: syntax, checks, rendering and filters. Independent of AWS and of providers."""
