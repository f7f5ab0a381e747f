"""``python -m weighbridge.cli``: the command without its script."""

from __future__ import annotations

from weighbridge.cli.main import main

main()
