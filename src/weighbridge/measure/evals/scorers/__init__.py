"""Scorers: is an answer right? One module per kind; ``table`` finds them by name."""
