"""Predicted memory against vLLM's and llama.cpp's own word, each model predicted from the others.

    .venv/bin/python benchmarks/predict_memory.py

Needs ../shared/data/perf. For every row of a model the coefficients are fitted to the logs of all
other models; weights are computed from the architecture, never read off the row.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Instead of this folder, whose inspect.py would hide the standard library's.
sys.path[0] = str(Path(__file__).parents[1] / "tools")

from memory_report import main  # noqa: E402 -- found only with the path above

if __name__ == "__main__":
    main()
