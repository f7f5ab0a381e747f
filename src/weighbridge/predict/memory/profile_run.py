"""The most memory that a step of vLLM takes beside weights and cache.

vLLM measures it before it sizes its cache: it runs the largest image through the vision tower, then
the longest allowed batch of tokens through the model, then samples for the most sequences at once.
The peak is that of the worst phase:

- a layer's feed-forward part holds gate and up projections and their product beside some copies of
  the hidden states (or, with experts, those of every expert that a token is sent to);
- MLA expands the keys and values of a piece of the context;
- sampling holds logits of every sequence over the whole vocabulary, on every device: as computed in
  16 bits, in float32, and as probabilities and noise; until top-k and top-p were masked in place
  (vllm-project/vllm#33538), sorting them took several times as much again.
"""

from __future__ import annotations

from weighbridge.core.estimate import Parallelism
from weighbridge.predict.memory.coefficients import Coefficients, Era
from weighbridge.predict.memory.footprint import Footprint
from weighbridge.predict.memory.shards import Stage

_VALUE_BYTES = 2
# Tokens of context whose keys and values MLA expands at once at most.
_MLA_PIECE = 65536


def activation_bytes(
    shape: Footprint,
    parallelism: Parallelism,
    stage: Stage,
    *,
    sequences: int,
    batched: int,
    context: int,
    era: Era,
    fitted: Coefficients,
) -> float:
    """Peak of the profile run on one device of a stage."""
    hidden = _VALUE_BYTES * batched * shape.hidden
    phases = [forward_bytes(shape, parallelism.tensor, batched, context, fitted.hidden_copies)]
    if stage.last:
        phases.append(hidden + sampler_bytes(shape, min(sequences, batched), era))
    peak = max(phases)
    if shape.sees and stage.first:
        # What the tower makes of an image is kept while the language model runs.
        peak = max(peak + hidden, fitted.encoder_bytes)
    return peak + era.base_bytes


def sampler_bytes(shape: Footprint, sequences: int, era: Era) -> float:
    """Logits and what sampling makes of them; every device of a group has all of them."""
    return era.sampler_bytes * sequences * shape.vocabulary


def forward_bytes(
    shape: Footprint, tensor: int, batched: int, context: int, hidden_copies: float
) -> float:
    """Peak of one layer on one device."""
    dense = 3 * shape.width / tensor
    inner = shape.expert_width / tensor
    routed = shape.active * (max(shape.hidden, 2 * inner) + inner)
    mixing = 2 * shape.query_width / tensor
    widest = max(dense, routed, mixing)
    expanded = min(_MLA_PIECE, 8 * context) * shape.expanded_width / tensor
    return _VALUE_BYTES * (batched * (hidden_copies * shape.hidden + widest) + expanded)
