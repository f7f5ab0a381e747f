"""Engines under a memory budget: who is up, who waits, who has to go."""

from weighbridge.serve.supervisor.fixed import Tell, running_models

__all__ = ["Tell", "running_models"]
