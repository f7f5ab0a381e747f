"""Write the suites that come with Weighbridge; each is checked by its own truth before.

    .venv/bin/python tools/make_suites.py

Everything is generated from seeds, so running it again changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import suite_code
import suite_instructions
import suite_invoices
import suite_reasoning
from weighbridge.measure.evals.published.lines import Published
from weighbridge.measure.evals.suite import load_suite
from weighbridge.verbs.suites import write_suite

TARGET = Path(__file__).parents[1] / "src/weighbridge/measure/evals/suites_shipped"


def suites() -> list[Published]:
    """All of them."""
    return [
        Published(suite_invoices.SETTINGS, suite_invoices.items()),
        Published(suite_reasoning.SETTINGS, suite_reasoning.items()),
        Published(suite_instructions.SETTINGS, suite_instructions.items()),
        Published(suite_code.SETTINGS, suite_code.items()),
    ]


def main() -> None:
    """Write and read back."""
    for suite in suites():
        folder = TARGET / str(suite.settings["name"])
        write_suite(suite, folder)
        print(f"{load_suite(folder).name}: {len(suite.items)} items")


if __name__ == "__main__":
    main()
