"""Several processes that share a port, and the one that keeps the engines for them."""
