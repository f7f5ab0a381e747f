"""Blind ratings: inputs, answers, ballots, and who is asked what next."""
