"""Two pieces of work, taken in turn: the only way to compare on a machine that is not quiet."""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from time import process_time

PAIRS = 15
SECONDS = 0.05  # of CPU that one half of a pair should take, so that the clock's grain is nothing


def compare(a: Callable[[], object], b: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of a call of each: the medians over pairs, the order changing every time."""
    repeats = {work: max(1, int(SECONDS / warm(work))) for work in (a, b)}
    found: dict[Callable[[], object], list[float]] = {a: [], b: []}
    for number in range(PAIRS):
        for work in (a, b) if number % 2 else (b, a):
            found[work].append(cpu(work, repeats[work]) / repeats[work])
    return median(found[a]), median(found[b])


def warm(work: Callable[[], object]) -> float:
    """CPU seconds of a call, once all is loaded and connected."""
    cpu(work, 3)
    return cpu(work, 3) / 3


def cpu(work: Callable[[], object], repeats: int) -> float:
    gc.collect()
    start = process_time()
    for _ in range(repeats):
        work()
    return process_time() - start
