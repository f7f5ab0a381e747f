from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.text_features import MOST_BUCKETS, MOST_TOKENS, buckets, tokens


def test_words_numbers_and_signs_are_tokens() -> None:
    assert tokens("What is 12+30?\nÄpfel") == [
        b"what", b"is", b"12", b"+", b"30", b"?", b"\n", "äpfel".encode(),
    ]  # fmt: skip
    assert tokens("首都は") == ["首".encode(), "都".encode(), "は".encode()]


def test_case_makes_no_difference_and_order_does() -> None:
    assert buckets("Who Wrote It", 16) == buckets("who wrote it", 16)
    assert buckets("dog bites man", 16) != buckets("man bites dog", 16)


def test_words_of_one_stem_share_a_bucket() -> None:
    assert buckets("calculated", 16) & buckets("calculation", 16)
    assert not buckets("cat", 16) & buckets("cab", 16)


def test_both_ends_of_a_long_text_count() -> None:
    middle = "word " * 2000
    assert buckets(f"alpha {middle} omega", 18) != buckets(f"beta {middle} omega", 18)
    assert buckets(f"alpha {middle} omega", 18) != buckets(f"alpha {middle} gamma", 18)


def test_the_hash_is_the_same_in_every_process() -> None:
    text = "Größe 12, 首都?"
    code = (
        f"from weighbridge.core.text_features import buckets;print(sorted(buckets({text!r}, 15)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(sorted(buckets(text, 15)))


@given(st.text(max_size=3000), st.integers(8, 18))
def test_any_text_has_a_bounded_number_of_buckets_in_range(text: str, bits: int) -> None:
    found = buckets(text, bits)
    assert len(tokens(text)) <= MOST_TOKENS
    assert len(found) <= MOST_BUCKETS
    assert all(0 <= one < 1 << bits for one in found)
