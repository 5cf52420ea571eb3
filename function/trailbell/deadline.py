"""An end to what would take longer than there is time. One at a time: it does not nest."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class TimeUp(Exception):
    """Raised in the main thread when a deadline is over."""


@contextmanager
def deadline(seconds: object) -> Iterator[None]:
    """End what runs inside after so many seconds, with TimeUp.

    urllib3's time-outs hold for each address that it tries and for each read, so that a host with
    eight dead addresses, or one that drips its answer, would take a multiple of them. A signal
    costs nothing, and reaches only the main thread: elsewhere urllib3's time-outs must do.
    """
    if (
        not isinstance(seconds, int | float)
        or current_thread() is not main_thread()
        or not hasattr(signal, "SIGALRM")  # on Windows
    ):
        yield
        return

    if signal.getsignal(signal.SIGALRM) is not _over:
        signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _over(*_: object) -> None:
    raise TimeUp
