"""What ought to happen: pure arithmetic on what is known."""
