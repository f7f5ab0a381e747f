"""What training a model takes: memory by part, hours, and where to start instead."""
