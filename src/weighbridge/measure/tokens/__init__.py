"""What a text costs in tokens of one model and of another."""
