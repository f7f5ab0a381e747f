"""The child's side of not outliving its parent. Imported by child programs only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent(parent_pid: int) -> None:
    """End this process when the parent does, however it ends.

    The pipe works on every system, but needs this interpreter to run; the kernel's signal also
    reaches a process that is stuck inside native code.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before we asked the kernel
        os._exit(1)
    threading.Thread(target=_exit_at_end_of_pipe, daemon=True).start()


def _exit_at_end_of_pipe() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)
