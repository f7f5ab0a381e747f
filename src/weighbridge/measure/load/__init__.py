"""Load: drive an endpoint with streamed requests and time what a user would feel."""
