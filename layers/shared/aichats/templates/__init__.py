"""Templates, which are texts with `{{ … }}`, and filters. This package imports nothing of AWS and providers."""
