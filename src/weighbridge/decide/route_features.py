"""Graded prompts as a matrix of hashed features, and linear models on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import scipy.sparse as sp

from weighbridge.core.text_features import buckets

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool]]

FOLDS = 5
_ITERATIONS = 60
_ENOUGH = 1e-7
_LEAST_PROMPTS = 2  # a feature of a single prompt tells of nothing else


@dataclass(frozen=True, slots=True)
class Weighted:
    """Features weighted by how rare they are, each prompt's to length 1.

    Attributes:
        matrix: a row per prompt.
        weights: of each bucket: the logarithm of how rare it is, 0 for those seen once or never.
    """

    matrix: sp.csr_array
    weights: Floats


def matrix(prompts: Sequence[str], bits: int) -> sp.csr_array:
    """Ones where a prompt (row) has a bucket (column)."""
    rows = [sorted(buckets(prompt, bits)) for prompt in prompts]
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter((one for row in rows for one in row), dtype=np.int64, count=int(ends[-1]))
    ones = np.ones(len(columns))
    return sp.csr_array((ones, columns, ends), shape=(len(rows), 1 << bits))


def folds(prompts: Sequence[str]) -> Ints:
    """The part in which each prompt is held out: by its hash, so that equal ones stay together."""
    return np.array([crc32(prompt.encode("utf-8", "replace")) % FOLDS for prompt in prompts])


def counts(features: sp.csr_array) -> Floats:
    """In how many prompts each bucket is."""
    return np.bincount(features.indices, minlength=features.shape[1]).astype(np.float64)


def rarity(features: sp.csr_array) -> Floats:
    """The weight of each bucket: log of the inverse share of prompts that have it."""
    seen = counts(features)
    return np.where(seen >= _LEAST_PROMPTS, np.log((features.shape[0] + 1) / (seen + 1)), 0.0)


def weighted(features: sp.csr_array, weights: Floats) -> Weighted:
    """The features with these weights, each prompt's to length 1."""
    lengths = np.sqrt(np.maximum(features @ (weights**2), 1e-9))
    scaled = features.copy()
    rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
    scaled.data = weights[features.indices] / lengths[rows]
    return Weighted(scaled, weights)


def ridge(features: sp.csr_array, targets: Floats, penalty: float) -> Floats:
    """Weights of least squares with a penalty on their size, per column of ``targets``.

    Conjugate gradients on the normal equations: the features of thousands of prompts never become
    a dense matrix.
    """
    transposed = features.T.tocsr()
    residual = transposed @ targets
    found = np.zeros_like(residual)
    direction = residual.copy()
    size = (residual**2).sum(axis=0)
    enough = _ENOUGH * np.maximum(size, 1e-12)
    for _ in range(_ITERATIONS):
        image = transposed @ (features @ direction) + penalty * direction
        step = size / np.maximum((direction * image).sum(axis=0), 1e-30)
        found += step * direction
        residual -= step * image
        after = (residual**2).sum(axis=0)
        if bool((after < enough).all()):
            break
        direction = residual + (after / np.maximum(size, 1e-30)) * direction
        size = after
    return found


def quantized(
    columns: Floats,
) -> tuple[tuple[float, ...], np.ndarray[tuple[int, ...], np.dtype[np.int16]]]:
    """The columns as whole numbers of 16 bits, and what one step of each is worth."""
    largest = np.maximum(np.abs(columns).max(axis=0), 1e-12)
    scales = largest / 32767.0
    return tuple(map(float, scales)), np.round(columns / scales).astype(np.int16)
