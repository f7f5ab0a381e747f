"""How much of a long prompt a model really uses."""
