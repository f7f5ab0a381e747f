"""A process that runs the study in a folder, to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fakes.llm_server import FakeUrl
from tests.verbs.study.lab import Lab

if __name__ == "__main__":
    folder, url = sys.argv[1:]
    print(Lab(Path(folder), FakeUrl(url)).run().info.id)
