"""Speculative decoding: what guessed tokens save, given the share of them that is accepted.

Facts: Leviathan, Kalman and Matias 2023 (arXiv:2211.17192), equation 1 and theorem 3.8. A small
model, or layers of the model itself, guesses k tokens; one step of the model checks them all, and
keeps those before the first wrong one, and one of its own. Each guess is taken to be right with the
same probability, independent of the others: real texts come in easy and hard stretches, so that
many guesses at once gain less than this says.
"""

from __future__ import annotations

from weighbridge.core.errors import InputError


def expected_tokens(acceptance: float, guesses: int) -> float:
    """Tokens that one step yields: (1 − a^(k+1)) ÷ (1 − a).

    >>> expected_tokens(0.5, 1), expected_tokens(1.0, 3), expected_tokens(0.0, 5)
    (1.5, 4.0, 1.0)

    Raises:
        InputError: the acceptance is no share, or the number of guesses is negative.
    """
    if not 0.0 <= acceptance <= 1.0:
        raise InputError(
            f"An acceptance of {acceptance:g} is no share.", fix="Give one between 0 and 1."
        )
    if guesses < 0:
        raise InputError(f"{guesses} guesses cannot be made.", fix="Give 0 or more.")
    if acceptance == 1.0:
        return guesses + 1.0
    return float((1 - acceptance ** (guesses + 1)) / (1 - acceptance))


def speculative_token_s(verify_s: float, draft_s: float, acceptance: float, guesses: int) -> float:
    """Seconds per token that is kept.

    Args:
        verify_s: of one step that checks all guesses of a sequence: ``guesses + 1`` tokens.
        draft_s: of making one guess.
        acceptance: probability that a guess is right.
        guesses: tokens guessed ahead in each step.

    Raises:
        InputError: the acceptance is no share, or the number of guesses is negative.
    """
    return (verify_s + guesses * draft_s) / expected_tokens(acceptance, guesses)
