"""Train the three demo models and write each as a Hugging Face folder and as GGUF files.

``tally`` only calculates, ``clerk`` only extracts, ``porter`` does both. Needs the extra ``train``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from demo_gguf import QUANTIZATIONS, Quantization, write_gguf
from demo_model import CONTEXT_TOKENS, NORM_EPSILON, ROPE_THETA, Llama, Shape
from demo_tasks import Example, Task, draw, draw_distinct
from demo_tokenizer import (
    CHAT_TEMPLATE,
    PADDING,
    TURN_END,
    TURN_START,
    VOCABULARY,
    encode,
    train_tokenizer,
)

ROOT: Final = Path(__file__).resolve().parent.parent
IGNORED: Final = -100
REPORT_EVERY_STEPS: Final = 50
HELD_OUT_ITEMS: Final = 200


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that determines one model.

    ``batch`` is how many fresh examples of each task a step draws; ``warmup`` and ``cooldown`` are
    the shares of the training during which the learning rates rise and fall linearly.
    """

    name: str
    shape: Shape
    batch: dict[Task, int]
    steps: int
    gguf: tuple[Quantization, ...]
    seed: int = 20261121
    muon_learning_rate: float = 0.02
    adam_learning_rate: float = 0.004
    weight_decay: float = 0.1
    warmup: float = 0.03
    cooldown: float = 0.6


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What happened during a training, written beside the weights."""

    model: str
    parameters: int
    steps: int
    seconds: float
    seed: int
    examples_per_step: dict[Task, int]


RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="tally",
            shape=Shape(VOCABULARY, 128, 2, 4, 4, 384),
            batch={"arithmetic": 128},
            steps=3300,
            gguf=("f16",),
        ),
        Recipe(
            name="clerk",
            shape=Shape(VOCABULARY, 128, 2, 4, 4, 256),
            batch={"extraction": 64},
            steps=1200,
            gguf=("f16",),
        ),
        Recipe(
            name="porter",
            shape=Shape(VOCABULARY, 128, 3, 4, 2, 512),
            batch={"arithmetic": 120, "extraction": 40},
            steps=485,  # stops early on purpose: good at arithmetic, and measurably not the best
            gguf=QUANTIZATIONS,
        ),
    )
}


def collate(tokenizer: Tokenizer, examples: Iterable[Example]) -> tuple[Tensor, Tensor]:
    """Token ids and the targets after each of them; only answer tokens have a target."""
    encoded = [encode(tokenizer, example) for example in examples]
    width = max(len(prompt) + len(answer) for prompt, answer in encoded) - 1
    ids = torch.full((len(encoded), width), tokenizer.get_vocab()[PADDING])
    targets = torch.full((len(encoded), width), IGNORED)
    for row, (prompt, answer) in enumerate(encoded):
        end = len(prompt) + len(answer) - 1
        ids[row, :end] = torch.tensor(prompt + answer[:-1])
        targets[row, len(prompt) - 1 : end] = torch.tensor(answer)
    return ids, targets


def mean_example_loss(model: Llama, ids: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy averaged within each answer first, so that long answers do not outweigh."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids)
    loss = functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    ).view_as(targets)
    return (loss.sum(1) / (targets != IGNORED).sum(1)).mean()


@torch.no_grad()
def exact_share(model: Llama, tokenizer: Tokenizer, examples: Sequence[Example]) -> float:
    """Share of examples whose every answer token is the likeliest: greedy decoding is exact."""
    ids, targets = collate(tokenizer, examples)
    wrong = (model(ids).argmax(-1) != targets) & (targets != IGNORED)
    return float((~wrong.any(1)).float().mean())


def make_optimizers(model: Llama, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, Adam for embedding and norms."""
    matrices = [p for p in model.layers.parameters() if p.ndim == 2]
    chosen = {id(parameter) for parameter in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(
            matrices,
            lr=recipe.muon_learning_rate,
            weight_decay=recipe.weight_decay,
            adjust_lr_fn="original",
        ),
        torch.optim.AdamW(
            others, lr=recipe.adam_learning_rate, betas=(0.9, 0.98), weight_decay=0.0
        ),
    ]


def learning_rate_factor(progress: float, recipe: Recipe) -> float:
    """Share of the full learning rate at ``progress`` (0 to 1): rise, plateau, linear fall."""
    rise = (progress + 1e-3) / recipe.warmup
    fall = (1.0 - progress) / recipe.cooldown
    return min(1.0, rise, max(fall, 0.0))


def train_step(
    model: Llama, tokenizer: Tokenizer, recipe: Recipe, rng: Random
) -> dict[Task, float]:
    """Add the gradients of the mean example loss over all tasks; returns each task's own."""
    losses: dict[Task, float] = {}
    total = sum(recipe.batch.values())
    for task, count in recipe.batch.items():
        ids, targets = collate(tokenizer, [draw(task, "train", rng) for _ in range(count)])
        loss = mean_example_loss(model, ids, targets)
        (loss * count / total).backward()  # type: ignore[no-untyped-call]
        losses[task] = loss.item()
    return losses


def train(
    recipe: Recipe, tokenizer: Tokenizer, steps: int, minutes: float
) -> tuple[Llama, TrainingRecord]:
    """Train until ``steps`` or ``minutes`` are used up; the learning rate falls with both."""
    torch.manual_seed(recipe.seed)
    rng = Random(f"{recipe.seed}/{recipe.name}")
    model = Llama(recipe.shape)
    optimizers = make_optimizers(model, recipe)
    full_rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    started, step, progress = time.monotonic(), 0, 0.0
    while progress < 1.0:
        for optimizer, full_rate in zip(optimizers, full_rates, strict=True):
            optimizer.param_groups[0]["lr"] = full_rate * learning_rate_factor(progress, recipe)
        losses = train_step(model, tokenizer, recipe, rng)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        seconds = time.monotonic() - started
        progress = max(step / steps, seconds / (60 * minutes))
        if step % REPORT_EVERY_STEPS == 0 or progress >= 1.0:
            report(recipe, step, seconds, losses, held_out(model, tokenizer, recipe.batch))
    record = TrainingRecord(
        recipe.name, model.parameter_count(), step, round(seconds), recipe.seed, recipe.batch
    )
    return model, record


def held_out(model: Llama, tokenizer: Tokenizer, tasks: Iterable[Task]) -> dict[Task, float]:
    """Exact share on fresh examples of the suite split; only reported, never trained on."""
    return {
        task: exact_share(
            model, tokenizer, draw_distinct(task, "suite", HELD_OUT_ITEMS, Random("held out"))
        )
        for task in tasks
    }


def report(
    recipe: Recipe,
    step: int,
    seconds: float,
    losses: dict[Task, float],
    exact: dict[Task, float],
) -> None:
    """One line of progress on stderr."""
    parts = [f"{task} loss {losses[task]:.4f} exact {exact[task]:.3f}" for task in losses]
    print(f"{recipe.name} step {step} {seconds:.0f}s  " + "  ".join(parts), file=sys.stderr)


def hf_config(shape: Shape, tokenizer: Tokenizer) -> dict[str, object]:
    """The ``config.json`` of a ``LlamaForCausalLM``."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_size,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT_TOKENS,
        "rms_norm_eps": NORM_EPSILON,
        "rope_theta": ROPE_THETA,
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokenizer.get_vocab()[TURN_END],
        "pad_token_id": tokenizer.get_vocab()[PADDING],
        "torch_dtype": "bfloat16",
        "use_cache": True,
    }


def tokenizer_config() -> dict[str, object]:
    """The ``tokenizer_config.json``, which carries the chat template."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT_TOKENS,
        "add_bos_token": False,
        "add_eos_token": False,
        "bos_token": None,
        "eos_token": TURN_END,
        "pad_token": PADDING,
        "unk_token": None,
        "additional_special_tokens": [TURN_START, TURN_END],
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def write_hf(folder: Path, model: Llama, tokenizer: Tokenizer, record: TrainingRecord) -> None:
    """The Hugging Face folder: configuration, tokenizer, bf16 weights, training record."""
    folder.mkdir(parents=True, exist_ok=True)
    config = hf_config(model.shape, tokenizer)
    generation = {
        "do_sample": False,
        "eos_token_id": config["eos_token_id"],
        "pad_token_id": config["pad_token_id"],
    }
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", generation)
    write_json(folder / "tokenizer_config.json", tokenizer_config())
    write_json(folder / "training.json", asdict(record))
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    tensors = {
        f"model.{name}": parameter.detach().to(torch.bfloat16).contiguous()
        for name, parameter in model.named_parameters()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def write_json(path: Path, value: object) -> None:
    """Indented JSON with a final newline."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=[*RECIPES, "all"], default="all")
    parser.add_argument("--out", type=Path, default=ROOT, help="root of the tree to write into")
    parser.add_argument("--steps", type=int, help="training steps (default: the recipe's)")
    parser.add_argument("--minutes", type=float, default=10.0, help="time limit per model")
    return parser.parse_args()


def main() -> None:
    """Train what was asked for and write it below ``--out``."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    arguments = parse_arguments()
    names = list(RECIPES) if arguments.model == "all" else [arguments.model]
    for recipe in (RECIPES[name] for name in names):
        tokenizer = train_tokenizer(recipe.seed)
        steps = arguments.steps or recipe.steps
        model, record = train(recipe, tokenizer, steps, arguments.minutes)
        folder = arguments.out / "tests" / "data" / "hf" / recipe.name
        write_hf(folder, model, tokenizer, record)
        for quantization in recipe.gguf:
            gguf = f"{recipe.name}-{quantization}.gguf"
            write_gguf(
                folder,
                arguments.out / "src" / "weighbridge" / "demo" / "models" / gguf,
                recipe.name,
                quantization,
            )


if __name__ == "__main__":
    main()
