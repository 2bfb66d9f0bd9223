"""Mock servers of the providers."""
