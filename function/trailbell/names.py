"""The nearest right name, for the end of an error's line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """A hint such as ``; did you mean 'TIMEZONE'?``, or the list where nothing is near.

    >>> nearest("TIMEZON", ["TIMEZONE", "RULES"])
    "; did you mean 'TIMEZONE'?"
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if not near:  # "channels" for CHANNELS
        folded = {other.lower(): other for other in names}
        near = [folded[match] for match in get_close_matches(name.lower(), folded, 1, 0.6)]
    if near:
        return f"; did you mean {prefix + near[0]!r}?"
    return f"; known are: {', '.join(prefix + name for name in names)}"
