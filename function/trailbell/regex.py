"""The regular expressions of CloudWatch Logs filter patterns, in bounded time.

Without parentheses an expression is a few alternatives, each a row of characters, some of which
may repeat. All its positions are bits of one number, and a text costs a few operations on that
number per character, whoever chose the text. Python's own ``re`` reads the syntax differently, and
tries some expressions for minutes on a text that somebody made for that.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import NoReturn

REPEATS = 1_000  # how often {m,n} may ask for a character; assumed, the guide names no limit
ASCII = 128
OTHER = ASCII  # stands for all characters beyond ASCII: only . and [^...] and \D, \S, \W know them
EVERY = frozenset(range(ASCII + 1))
PLAIN = string.ascii_letters + string.digits + ":_#=@/;,- "  # the guide's example holds a space
OPERATORS = "^$?[]{}|\\*+."
CLASSES = {
    "d": frozenset(map(ord, string.digits)),
    "s": frozenset(map(ord, " \t\n")),
    "w": frozenset(map(ord, string.ascii_letters + string.digits + "_")),
}
CLASSES |= {name.upper(): EVERY - of for name, of in CLASSES.items()}
HEX = re.compile(r"x([0-9A-Fa-f]{2})")
COUNT = re.compile(r"\{(?:(\d+)(,(\d*))?|,(\d+))\}")

Characters = frozenset[int]
Fail = Callable[[int, str], NoReturn]


class Regex:
    """A regular expression, to be searched for anywhere in a text."""

    def __init__(self, text: str, fail: Fail) -> None:
        """
        :param text: what stands between the two percent signs.
        :param fail: raises the error for a place in the text and what is wrong there.
        """
        self._masks = [0] * (ASCII + 1)  # by character: the positions that it satisfies
        self._repeats = 0  # the positions that may be satisfied again
        self._skipped = 0  # the positions that may be left out
        self._anywhere = 0  # where an alternative may begin at any character,
        self._begin = 0  # and where one may begin at all
        self._done = 0  # an alternative that was found,
        self._done_at_end = 0  # and one that counts only at the end of the text
        self._size = 0
        _Reader(text, fail, self).read()

    def add(self, row: list[tuple[Characters, int, int | None]], begins: bool, ends: bool) -> None:
        """One more alternative: characters, how often at least, how often at most."""
        first = 1 << self._size
        self._begin |= first
        self._anywhere |= 0 if begins else first
        for characters, least, most in row:
            copies = max(least, 1) if most is None else most
            bits = ((1 << copies) - 1) << self._size
            for character in characters:
                self._masks[character] |= bits
            if copies > least:
                self._skipped |= ((1 << copies) - (1 << least)) << self._size
            if most is None:
                self._repeats |= 1 << (self._size + copies - 1)
            self._size += copies
        if ends:
            self._done_at_end |= 1 << self._size
        else:
            self._done |= 1 << self._size
        self._size += 1

    def search(self, text: str) -> bool:
        """Whether the expression matches somewhere in the text."""
        at = self._leave_out(self._begin)
        for character in text:
            if at & self._done:
                return True
            met = at & self._masks[min(ord(character), OTHER)]
            at = self._leave_out(met << 1 | met & self._repeats | self._anywhere)
        return bool(at & (self._done | self._done_at_end))

    def _leave_out(self, at: int) -> int:
        """The positions, and those that come after them where some are left out.

        A row of positions that may be left out is a row of ones: adding the lowest that was
        reached to it carries up to the first that must not.
        """
        skipped = self._skipped
        return at | ((at & skipped) + skipped ^ skipped)


class _Reader:
    """Reads an expression, character by character."""

    def __init__(self, text: str, fail: Fail, regex: Regex) -> None:
        self._text, self._fail, self._regex = text, fail, regex
        self._at = 0

    def read(self) -> None:
        if not self._text:
            self._fail(0, "the regular expression is empty")
        for place, character in enumerate(self._text):
            if character in "()":
                self._fail(
                    place, f"a regular expression has no {character}; \\x28 and \\x29 are ()"
                )
            if character not in PLAIN + OPERATORS:
                what = f"a regular expression has no {character!r}"
                hint = f"; \\x{ord(character):02X} is one" if " " < character < "\x7f" else ""
                self._fail(place, what + hint)
        self._alternative()
        while self._next("|"):
            self._alternative()

    def _alternative(self) -> None:
        begins, ends = self._next("^"), False
        row: list[tuple[Characters, int, int | None]] = []
        while self._at < len(self._text) and self._text[self._at] != "|":
            if self._next("$"):
                ends = True
                if self._text[self._at : self._at + 1] not in ("", "|"):
                    self._fail(self._at, "$ is the end of an alternative")
                break
            characters = self._characters()
            row.append((characters, *self._times()))
        self._regex.add(row, begins, ends)

    def _next(self, character: str) -> bool:
        if self._text.startswith(character, self._at):
            self._at += 1
            return True
        return False

    def _characters(self) -> Characters:
        start = self._at
        self._at += 1
        character = self._text[start]
        if character == ".":
            return EVERY
        if character == "\\":
            return self._escaped()
        if character == "[":
            return self._class(start)
        if character == "^":
            self._fail(start, "^ is the beginning of an alternative")
        if character in "?*+{":
            self._fail(start, f"there is nothing that {character} could repeat")
        if character in "]}":
            self._fail(start, f"{character} closes nothing; \\{character} is the character")
        return frozenset((ord(character),))

    def _escaped(self) -> Characters:
        start = self._at
        character = self._text[start : start + 1]
        self._at += 1
        if character in CLASSES:
            return CLASSES[character]
        if code := HEX.match(self._text, start):
            self._at = code.end()
            if (number := int(code[1], 16)) < ASCII:
                return frozenset((number,))
            self._fail(start, f"\\{code[0]} is no ASCII character")
        if not character or character.isalnum():
            self._fail(start - 1, f"\\{character} means nothing here")
        return frozenset((ord(character),))

    def _class(self, start: int) -> Characters:
        inverse = self._next("^")
        found: set[int] = set()
        while not self._next("]"):
            low = self._member(start)
            dash = self._text[self._at : self._at + 1] == "-"
            if dash and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._member(start)
                if len(low) != 1 or len(high) != 1 or min(low) > min(high):
                    self._fail(self._at - 1, "the range goes from nowhere to nowhere")
                found |= set(range(min(low), min(high) + 1))
            else:
                found |= low
        if not found:
            self._fail(start, "[] holds no character")
        return EVERY - found if inverse else frozenset(found)

    def _member(self, start: int) -> Characters:
        if self._at >= len(self._text):
            self._fail(start, "[ is not closed")
        self._at += 1
        character = self._text[self._at - 1]
        return self._escaped() if character == "\\" else frozenset((ord(character),))

    def _times(self) -> tuple[int, int | None]:
        """How often what was read has to come, at least and at most."""
        start = self._at
        times: tuple[int, int | None] = (1, 1)
        if self._next("?"):
            times = (0, 1)
        elif self._next("*"):
            times = (0, None)
        elif self._next("+"):
            times = (1, None)
        elif self._text.startswith("{", start):
            count = COUNT.match(self._text, start)
            if not count:
                self._fail(start, "{ is not followed by numbers, as in {3,5}; \\{ is the character")
            least, most = int(count[1] or 0), count[4] or (count[3] if count[2] else count[1])
            times = (least, int(most) if most else None)
            if max(least, times[1] or 0) > REPEATS:
                self._fail(start, f"more than {REPEATS:,} times is too often")
            if times[1] is not None and least > times[1]:
                self._fail(start, "the most is less than the least")
            self._at = count.end()
        if start != self._at and self._text[self._at : self._at + 1] in tuple("?*+{"):
            self._fail(self._at, f"{self._text[self._at]} repeats what is repeated already")
        return times
