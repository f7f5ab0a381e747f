"""``router.config.yaml``: read, checked as a whole, resolved, written."""

from weighbridge.serve.config.addresses import (
    Listen,
    first_listen,
    listen_address,
    listens,
    parse_listen,
)
from weighbridge.serve.config.advice import warnings
from weighbridge.serve.config.checking import Checked, check_config, parse_config, read_config
from weighbridge.serve.config.faults import Fault, FaultyConfigError
from weighbridge.serve.config.models import ENGINES, source_path
from weighbridge.serve.config.names import (
    canonical_names,
    merged_context_fallbacks,
    merged_fallbacks,
)
from weighbridge.serve.config.programs import missing_programs
from weighbridge.serve.config.resolved import (
    LimitFigures,
    key_digests,
    limit_figures,
    memory_budget,
    secret_variables,
)
from weighbridge.serve.config.writing import write_config

__all__ = [
    "ENGINES",
    "Checked",
    "Fault",
    "FaultyConfigError",
    "LimitFigures",
    "Listen",
    "canonical_names",
    "check_config",
    "first_listen",
    "key_digests",
    "limit_figures",
    "listen_address",
    "listens",
    "memory_budget",
    "merged_context_fallbacks",
    "merged_fallbacks",
    "missing_programs",
    "parse_config",
    "parse_listen",
    "read_config",
    "secret_variables",
    "source_path",
    "warnings",
    "write_config",
]
