"""The stand-in of Kodey: its server as its developer pages describe it, and where they are silent, taking things."""
