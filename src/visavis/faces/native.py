"""Living with native libraries: their start-up chatter kept off the terminal, their tasks closed without noise."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

__all__ = ["close_with", "without_chatter"]

#: What TensorFlow Lite, LiteRT, absl and OpenCV log below the level of an error.
_CHATTER: Final = re.compile(rb"^(INFO: |WARNING: |VERBOSE: |[IW]\d{4} \d\d:\d\d:|\[ *(INFO|WARN):)")
# Re-entrant: the garbage collector may close a forgotten task while another one is being opened by the same thread.
_lock = threading.RLock()


@contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back what native code writes to standard error, then let all but information and warnings through.

    MediaPipe logs past Python, straight to file descriptor 2, and has no switch for it. Lines that do not look like its
    chatter (errors; what other threads wrote meanwhile) appear when the block ends; if it ends by an exception,
    everything does.
    """
    with _lock, _held() as held:
        try:
            sys.stderr.flush()
            terminal = os.dup(2)
        except (OSError, AttributeError, ValueError):  # no standard error to protect: a windowed or detached process
            yield
            return
        failed = True
        try:
            os.dup2(held.fileno(), 2)
            yield
            failed = False
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if failed or not _CHATTER.match(line):
                    os.write(2, line)


def _held() -> IO[bytes]:
    """A file that nobody else sees; in memory where the system can, since there may be no folder to write to."""
    return os.fdopen(os.memfd_create("held"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


def close_with(owner: object, task: Any) -> Callable[[], object]:
    """Close a MediaPipe `task` when `owner` goes, at the end of the process at the latest; returns what does it now."""
    return weakref.finalize(owner, _close, task)


def _close(task: Any) -> None:
    try:
        with without_chatter():
            task.close()
    except RuntimeError:
        # The process ends: the thread that a task closes itself on is gone already, and the system frees the rest. With
        # the handle left in place, the task would try again while modules vanish, and print a traceback.
        task._handle = None
