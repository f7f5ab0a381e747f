"""The server's side of a load run: its engine's metrics and its GPUs."""
