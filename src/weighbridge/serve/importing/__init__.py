"""Configurations of other gateways, turned into ours; what cannot be said in ours is told."""
