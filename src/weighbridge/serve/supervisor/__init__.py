"""Engines under a memory budget: who is up, who waits, who has to go."""
