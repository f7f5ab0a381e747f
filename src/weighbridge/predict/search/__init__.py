"""All ways to serve models on a machine, weighed against requirements."""
