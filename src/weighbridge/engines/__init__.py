"""How to start, probe, describe and stop inference engines: one adapter per engine."""
