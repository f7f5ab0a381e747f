"""How each evaluation runner is told to ask N items of one endpoint, C at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from peer_env import Package, PeerEnvironment

MODEL = "bench"
# promptfoo's newer versions want a newer Node than many machines have.
_PROMPTFOO = {"promptfoo": "0.118.17"}

_INSPECT_TASK = """\
from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def speed():
    return Task(dataset=json_dataset("items.jsonl"), solver=generate(), scorer=includes())
"""
_LM_EVAL_TASK = """\
task: speed
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{items}"}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{target}}}}"
generation_kwargs: {{max_gen_toks: 16, until: []}}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""


@dataclass(frozen=True)
class Job:
    """What to do.

    Attributes:
        url: up to and including ``/v1``.
        items: how many.
        concurrency: at once.
        folder: an empty one for its files.
    """

    url: str
    items: int
    concurrency: int
    folder: Path


@dataclass(frozen=True)
class Command:
    """A process to run, with what it needs in its environment."""

    argv: list[str]
    variables: dict[str, str]


class Weighbridge:
    """Ours."""

    name = "weighbridge"

    def install(self) -> str:
        """Nothing: it is the one that runs this."""
        return ""

    def installed(self) -> bool:
        """Always."""
        return True

    def command(self, job: Job) -> Command:
        """``weigh eval`` with the log of every answer, as always."""
        suite = job.folder / "suite"
        suite.mkdir()
        settings = "name: speed\nprompt: '{input}'\nscorer: normalised\noptions: {contains: true}\n"
        (suite / "suite.yaml").write_text(settings + "max_tokens: 16\n")
        # One by one: what this process holds counts as memory of those that it begins.
        with (suite / "items.jsonl").open("w") as file:
            for n in range(job.items):
                line = {"id": str(n), "input": question(n), "answer": gold(n)}
                file.write(json.dumps(line) + "\n")
        code = "from weighbridge.cli.main import main; main()"
        words = ["eval", job.url, "--model", MODEL, "--suite", str(suite), "--json"]
        words += ["--concurrency", str(job.concurrency), "--workspace", str(job.folder / "ws")]
        return Command([sys.executable, "-c", code, *words], {})


class Inspect:
    """inspect_ai, its log of samples on, its display off."""

    name = "inspect_ai"
    package = Package("inspect_ai", (("inspect_ai", "openai"),), "inspect_ai", "inspect_ai")

    def __init__(self, folder: Path) -> None:
        self.environment = PeerEnvironment(folder, self.package)

    def install(self) -> str:
        """Into an environment of its own."""
        return self.environment.install()

    def installed(self) -> bool:
        """Whether that was done."""
        return (self.environment.folder / "installed").exists()

    def command(self, job: Job) -> Command:
        """``inspect eval``; its `openai-api` provider speaks chat completions."""
        (job.folder / "task.py").write_text(_INSPECT_TASK)
        write_items(job)
        binary = self.environment.python.with_name("inspect")
        words = ["eval", "task.py", "--model", f"openai-api/rig/{MODEL}", "--display", "none"]
        words += ["--max-connections", str(job.concurrency), "--max-samples", str(job.concurrency)]
        words += ["--log-dir", str(job.folder / "logs"), "--max-tokens", "16"]
        return Command([str(binary), *words], {"RIG_BASE_URL": job.url, "RIG_API_KEY": "none"})


class LmEval:
    """lm-evaluation-harness with an API model and its samples logged."""

    name = "lm-eval"
    package = Package("lm-eval", (("lm-eval[api]",),), "lm-eval", "lm_eval")

    def __init__(self, folder: Path) -> None:
        self.environment = PeerEnvironment(folder, self.package)

    def install(self) -> str:
        """Into an environment of its own."""
        return self.environment.install()

    def installed(self) -> bool:
        """Whether that was done."""
        return (self.environment.folder / "installed").exists()

    def command(self, job: Job) -> Command:
        """``lm_eval run``."""
        items = write_items(job)
        (job.folder / "speed.yaml").write_text(_LM_EVAL_TASK.format(items=items))
        told = f"model={MODEL},base_url={job.url}/chat/completions"
        told += f",num_concurrent={job.concurrency},max_retries=1,tokenized_requests=False"
        words = ["--model", "local-chat-completions", "--model_args", told, "--tasks", "speed"]
        words += ["--include_path", str(job.folder), "--apply_chat_template", "--log_samples"]
        words += ["--output_path", str(job.folder / "out")]
        variables = {"OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
        variables["HF_HOME"] = str(job.folder / "hf")
        return Command([str(self.environment.python), "-m", "lm_eval", *words], variables)


class Promptfoo:
    """promptfoo, from npm."""

    name = "promptfoo"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "promptfoo"
        self.binary = self.folder / "node_modules" / ".bin" / "promptfoo"

    def install(self) -> str:
        """Into a folder of its own."""
        npm = shutil.which("npm")
        if npm is None:
            return "there is no npm"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "package.json").write_text(json.dumps({"dependencies": _PROMPTFOO}))
        argv = [npm, "install", "--no-audit", "--no-fund", "--loglevel", "error"]
        # A dependency would download browsers, which nothing here needs.
        variables = {**os.environ, "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1"}
        done = subprocess.run(
            argv, cwd=self.folder, env=variables, capture_output=True, text=True, check=False
        )
        return "" if self.binary.exists() else done.stderr.strip()[-300:] or "npm failed"

    def installed(self) -> bool:
        """Whether that was done."""
        return self.binary.exists()

    def command(self, job: Job) -> Command:
        """``promptfoo eval`` without its cache."""
        tests = [
            {"vars": {"q": question(n)}, "assert": [{"type": "contains", "value": gold(n)}]}
            for n in range(job.items)
        ]
        provider = {
            "id": f"openai:chat:{MODEL}",
            "config": {"apiBaseUrl": job.url, "apiKey": "none", "max_tokens": 16},
        }
        told = {"prompts": ["{{q}}"], "providers": [provider], "tests": tests}
        config = job.folder / "config.json"
        config.write_text(json.dumps(told))
        words = ["eval", "-c", str(config), "-j", str(job.concurrency), "--no-cache", "--no-table"]
        words += ["--no-progress-bar", "-o", str(job.folder / "out.json")]
        variables = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1"}
        variables["PROMPTFOO_CONFIG_DIR"] = str(job.folder / "home")
        return Command([str(self.binary), *words], variables)


def question(number: int) -> str:
    """An item's question."""
    return f"Item {number}: when was the bridge built, and does it still stand?"


def gold(number: int) -> str:
    """What two of three answers have."""
    return "year of the great flood" if number % 3 else "in another year"


def write_items(job: Job) -> Path:
    """The items as input and target."""
    path = job.folder / "items.jsonl"
    lines = [json.dumps({"input": question(n), "target": gold(n)}) for n in range(job.items)]
    path.write_text("\n".join(lines) + "\n")
    return path
