"""`vllm bench serve` by its own module.

The `vllm` command asks for a distribution of that name, which the build for CPUs is not; and it
reads the options of all other commands too, which this spares it.
"""

from __future__ import annotations

from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser

if __name__ == "__main__":
    parser = FlexibleArgumentParser()
    add_cli_args(parser)
    main(parser.parse_args())
