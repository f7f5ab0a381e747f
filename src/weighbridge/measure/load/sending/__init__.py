"""Requests sent as a shape says, from one process or several, and the client watched meanwhile."""
