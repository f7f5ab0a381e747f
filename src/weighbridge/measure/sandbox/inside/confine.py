"""The last steps into the sandbox, taken by code of ours before any foreign code runs."""

from __future__ import annotations

import os
import resource

READY = b"ready\n"
NOT_RUN = b"not run: "


def confine(limits: dict[str, int], uid: int) -> None:
    """Set the limits for good and give up root, if that is who we are.

    Args:
        limits: names of ``RLIMIT_…`` without their prefix, and what each may reach.
        uid: whom to become; 0 where we have no privileges to give up.
    """
    for name, most in limits.items():
        # A process past its CPU time first gets a signal that says why it dies.
        hard = most + 1 if name == "CPU" else most
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, hard))
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if os.getuid() == 0 or os.geteuid() == 0:
        raise PermissionError("still root")
