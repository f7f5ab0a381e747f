"""What importing costs: `import weighbridge` and `weigh --help` load nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "click", "rich", "starlette", "uvicorn", "jinja2", "plotly", "scipy", "numpy", "yaml",
    "jsonschema", "psutil", "huggingface_hub", "uvloop", "httptools", "xllamacpp", "msgspec",
    "asyncio",
}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    program = f"import sys; {code}; print('\\n'.join(sys.modules))"
    # Not -I: coverage and editable installs hook in through the site module.
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import weighbridge") & HEAVY


def test_help_loads_only_what_it_needs() -> None:
    from_help = loaded_by(
        "from weighbridge.cli.main import weigh; weigh.main(['--help'], standalone_mode=False)"
    )
    assert not from_help & (HEAVY - {"click", "asyncio"})


@pytest.mark.parametrize("layer", ["core", "facts.gguf", "decide.verdict", "serve.routing.policy"])
def test_pure_layers_load_no_page_and_no_solver(layer: str) -> None:
    heavy = {"click", "rich", "starlette", "plotly", "scipy", "numpy"}
    assert not loaded_by(f"import weighbridge.{layer}") & heavy
