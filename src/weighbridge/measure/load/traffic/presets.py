"""Workloads by name: what kinds of use look like in tokens, and where those numbers come from."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Kind
from weighbridge.measure.load.traffic.lengths import ONCE, Lengths, fixed, parse_lengths


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of use.

    Attributes:
        name: as written after ``--workload``.
        about: what it stands for.
        prompt: tokens of the first request of a conversation, without the shared prefix.
        output: longest answers asked for.
        turns: requests of a conversation.
        followup: tokens that each later request adds.
        pause_s: between an answer and the next request.
        shared_prefix: tokens with which all conversations begin.
        basis: whether its numbers were taken from published counts or are assumed.
        source: those counts, or the reasons for what is assumed.
    """

    name: str
    about: str
    prompt: Lengths
    output: Lengths
    basis: Kind
    source: str
    turns: Lengths = ONCE
    followup: Lengths | None = None
    pause_s: float = 0.0
    shared_prefix: int = 0

    @property
    def prefix_share(self) -> float:
        """Share of a conversation's first prompt that all have in common."""
        return self.shared_prefix / (self.shared_prefix + self.prompt.mean)


_ALL: Final = (
    Preset(
        "chat",
        "people talking with an assistant, a few short turns",
        prompt=parse_lengths("lognormal:70,1.5<=2048"),
        output=parse_lengths("lognormal:215,0.8<=1024"),
        turns=parse_lengths("1:0.5,2:0.25,3:0.15,5:0.1"),
        followup=parse_lengths("lognormal:70,1.5<=2048"),
        pause_s=2.0,
        basis="catalogue",
        source="Means of LMSYS-Chat-1M (Zheng et al. 2023, table 1): 69.5 tokens a prompt, 214.5 "
        "an answer, 2.0 turns. Spreads, the pause and how turns are distributed are assumed.",
    ),
    Preset(
        "assistant",
        "a chat product as its servers see it: the history comes within the prompt",
        prompt=parse_lengths("lognormal:1155,0.96<=14050"),
        output=parse_lengths("lognormal:211,0.77<=1000"),
        basis="catalogue",
        source="Mean, spread and maximum of the 19,366 requests of the Azure LLM inference trace "
        "2023, conversation (Patel et al. 2024).",
    ),
    Preset(
        "code-completion",
        "an editor that completes code: much context, a line or two of answer",
        prompt=parse_lengths("lognormal:2048,0.96<=7437"),
        output=parse_lengths("lognormal:28,2.15<=1899"),
        basis="catalogue",
        source="Mean, spread and maximum of the 8,819 requests of the Azure LLM inference trace "
        "2023, code (Patel et al. 2024).",
    ),
    Preset(
        "rag",
        "questions answered from retrieved passages under instructions that all share",
        prompt=parse_lengths("normal:3250,600"),
        output=parse_lengths("lognormal:200,0.6<=1024"),
        shared_prefix=250,
        basis="assumed",
        source="Assumed: 8 passages of 400 tokens, a question of 50, and instructions of 250.",
    ),
    Preset(
        "long-context",
        "whole documents and long histories in the prompt",
        prompt=parse_lengths("lognormal:12035,1.31<=126195"),
        output=parse_lengths("lognormal:343,0.73<=2000"),
        basis="catalogue",
        source="Mean, spread and maximum of the 12,031 requests of the Mooncake conversation trace "
        "(Qin et al. 2025). Needs a server that takes 128k tokens.",
    ),
    Preset(
        "agent",
        "tool-using agents: long common instructions, many turns that each add a tool's result",
        prompt=parse_lengths("lognormal:800,0.8<=8192"),
        output=parse_lengths("lognormal:182,1.0<=2048"),
        turns=fixed(8),
        followup=parse_lengths("lognormal:800,1.0<=8192"),
        pause_s=1.0,
        shared_prefix=4096,
        basis="assumed",
        source="Sized so that prompts come to about 8,600 tokens on average, with answers of 182, "
        "as in the Mooncake tool and agent trace (Qin et al. 2025: 8,596 and 182). Turns, prefix "
        "and pause are assumed.",
    ),
    Preset(
        "summarise",
        "papers made into an abstract",
        prompt=parse_lengths("lognormal:6420,0.6<=32768"),
        output=parse_lengths("lognormal:286,0.5<=1024"),
        basis="catalogue",
        source="Means of the arXiv set of Cohan et al. 2018: 4,938 words a paper and 220 an "
        "abstract, at 1.3 tokens a word. Spreads are assumed.",
    ),
    Preset(
        "reasoning",
        "short questions, long thinking before the answer",
        prompt=parse_lengths("lognormal:200,0.8<=2048"),
        output=parse_lengths("lognormal:4000,0.8<=16384"),
        basis="assumed",
        source="Assumed: thinking takes thousands of tokens, and how many varies widely.",
    ),
)

PRESETS: Final = {preset.name: preset for preset in _ALL}


def preset(name: str) -> Preset:
    """The workload of that name.

    Raises:
        InputError: there is none.
    """
    known = PRESETS.get(name.strip().lower())
    if known is not None:
        return known
    near = difflib.get_close_matches(name.lower(), PRESETS, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise InputError(
        f"There is no workload {name!r}.", fix=f"{meant}Choose one of {', '.join(PRESETS)}."
    )
