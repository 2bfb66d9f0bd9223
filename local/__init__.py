"""The laptop: set-up, stand-ins of the providers, the local cloud and the demo. Nothing of it is deployed."""
