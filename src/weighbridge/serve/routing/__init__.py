"""Which models may answer a request, and which of their replicas: decisions, no effects."""
