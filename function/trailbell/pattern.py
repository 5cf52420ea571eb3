"""JSON filter patterns of CloudWatch Logs, evaluated as the service does.

The grammar is that of the service's guide:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
The guide is silent on a few things. What is assumed of them:

* A comparison whose field is missing is false, also with ``!=``. (Seen in the console's tester:
  https://github.com/DataBiosphere/azul/issues/5884.) So it is for a field that is null, true,
  false, an object or an array: the guide speaks of strings and numbers as the values.
* A text that looks like a number compares as one with a number of the pattern, and a number with
  a text of the pattern by its digits.
* ``*`` stands for any text wherever it is. (An older guide had it literal in the middle:
  ``Ev*ent``; today's does not.)
* In a quoted text ``\\"`` is a quote and ``\\\\`` a backslash; other backslashes are themselves.
* Where a selector has a wildcard, one of the selected values is enough.
* A wrong type makes its own comparison false, not the whole pattern.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from trailbell.errors import PatternError
from trailbell.regex import Regex

LENGTH_LIMIT = 1_024
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html"""
REGEX_LIMIT = 2
WILDCARD_LIMIT = 3  # selectors with a wildcard; one wildcard each

SPACE = re.compile(r"\s*")
NAME = re.compile(r"[A-Za-z0-9_-]+")
INDEX = re.compile(r"\[(\d{1,9}|\*)\]")
QUOTED_NAME = re.compile(r"\['([^']+)'\]")
OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
WORDS = re.compile(r"(IS)\s+(NULL|TRUE|FALSE)\b|(NOT)\s+(EXISTS)\b")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NUMBER_DIGITS = 400  # of a text that may be a number; no double has more
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r'[^\s"%()&|{}=<>!,;]+')
PLAIN = re.compile(r"[A-Za-z0-9_*]+|[0-9.*+-]+")  # the guide has 123.123.* without quotes
ANY = object()  # the wildcard of a selector

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Number = int | float
Path = tuple[object, ...]
Test = Callable[[object], bool]


class Pattern:
    """A filter pattern that the service would take."""

    def __init__(self, text: str) -> None:
        """:raises PatternError: names the place and what is wrong there."""
        self.text = text
        self._test = _Parser(text).pattern()

    def matches(self, record: object) -> bool:
        """Whether CloudWatch Logs would deliver the record, a parsed JSON value."""
        return self._test(record)


def _selected(value: object, path: Path) -> Iterator[object]:
    """The values that a selector reaches; more than one only through a wildcard."""
    for number, step in enumerate(path):
        if step is ANY:
            inside: Iterable[object] = ()
            if isinstance(value, dict):
                inside = value.values()
            elif isinstance(value, list):
                inside = value
            for item in inside:
                yield from _selected(item, path[number + 1 :])
            return
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return
            value = value[step]
        elif isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return
            value = value[step]
    yield value


def _number(value: object) -> Number | None:
    """A JSON number, or a text that looks like one."""
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else value
    if isinstance(value, str) and len(value) <= NUMBER_DIGITS and NUMBER.fullmatch(value):
        return float(value) if set(value) & set(".eE") else int(value)
    return None


def _text(value: object) -> str | None:
    """A JSON string, or the digits of a number."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError:  # an integer of more than 4,300 digits
            return None
    return None


def _like(word: str) -> Callable[[str], bool]:
    """Whether a text is the word, in which * stands for any text. Looks at a text once."""
    first, *rest = word.split("*")
    if not rest:
        return word.__eq__
    *middle, last = rest

    def like(text: str) -> bool:
        end = len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last):
            return False
        at = len(first)
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return at <= end

    return like


def _equals(wanted: str | Number | Regex) -> Test:
    """The test behind = on one value."""
    if isinstance(wanted, Regex):
        return lambda value: (text := _text(value)) is not None and wanted.search(text)
    if isinstance(wanted, str):
        like = _like(wanted)
        return lambda value: (text := _text(value)) is not None and like(text)
    return lambda value: _number(value) == wanted


class _Parser:
    """Reads a pattern from left to right, without recursion: it may hold 500 parentheses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._regexes = self._wildcards = 0

    def pattern(self) -> Test:
        if len(self._text) > LENGTH_LIMIT:
            self._fail(
                LENGTH_LIMIT,
                f"a filter pattern has at most {LENGTH_LIMIT:,} characters, not"
                f" {len(self._text):,}",
            )
        self._space()
        if self._at == len(self._text):
            return lambda record: True
        if not self._next("{"):
            self._fail(
                self._at, "expected {: only JSON patterns, { $.field = value }, are evaluated"
            )
        test = self._expression()
        self._space()
        if self._at < len(self._text):
            self._fail(self._at, "nothing may follow the closing }")
        return lambda record: isinstance(record, dict) and test(record)

    def _expression(self) -> Test:
        """All that stands between the braces."""
        groups: list[tuple[int, list[list[Test]]]] = [(self._at - 1, [[]])]
        while True:
            self._space()
            if self._next("("):
                groups.append((self._at - 1, [[]]))
                continue
            groups[-1][1][-1].append(self._comparison())
            self._space()
            while len(groups) > 1 and self._next(")"):
                _, done = groups.pop()
                groups[-1][1][-1].append(_either(done))
                self._space()
            if self._next("&&"):
                continue
            if self._next("||"):
                groups[-1][1].append([])
                continue
            opened, done = groups[-1]
            if self._next("}"):
                if len(groups) > 1:
                    self._fail(opened, "( is not closed")
                return _either(done)
            if self._next(")"):
                self._fail(self._at - 1, ") closes nothing")
            if self._at == len(self._text):
                self._fail(opened, f"{self._text[opened]} is not closed")
            self._fail(self._at, "expected && or || or the end of the expression")

    def _comparison(self) -> Test:
        path = self._selector()
        self._space()
        if words := WORDS.match(self._text, self._at):
            self._at = words.end()
            if words[3]:
                return lambda record: not any(True for _ in _selected(record, path))
            constant = {"NULL": None, "TRUE": True, "FALSE": False}[words[2]]
            return lambda record: any(value is constant for value in _selected(record, path))
        found = OPERATOR.match(self._text, self._at)
        if not found:
            self._fail(
                self._at,
                "expected = != < > <= >= or IS NULL, IS TRUE, IS FALSE, NOT EXISTS"
                " (IS NOT and EXISTS are not supported)",
            )
        self._at = found.end()
        self._space()
        start = self._at
        wanted = self._value()
        if found[0] in ORDERS:
            if not isinstance(wanted, int | float):
                self._fail(start, f"{found[0]} compares numbers, and this is none")
            order, limit = ORDERS[found[0]], wanted
            return lambda record: any(
                (number := _number(value)) is not None and order(number, limit)
                for value in _selected(record, path)
            )
        equals = _equals(wanted)
        if found[0] == "=":
            return lambda record: any(map(equals, _selected(record, path)))
        return lambda record: any(
            _text(value) is not None and not equals(value) for value in _selected(record, path)
        )

    def _selector(self) -> Path:
        start = self._at
        if not self._next("$"):
            what = "expected a selector such as $.eventName"
            self._fail(start, what + ("; there is no !" if self._next("!") else ""))
        path: list[object] = []
        while True:
            if self._next("."):
                path.append(self._property())
            elif path and (index := INDEX.match(self._text, self._at)):
                path.append(ANY if index[1] == "*" else int(index[1]))
                self._at = index.end()
            else:
                break
        if not path:
            self._fail(self._at, "expected . and the name of a field, as in $.eventName")
        if self._text.startswith("[", self._at):
            self._fail(self._at, "expected a number or * in []; a name stands in .['name']")
        if (wildcards := path.count(ANY)) > 1:
            self._fail(start, "a selector has at most one wildcard")
        self._wildcards += wildcards
        if self._wildcards > WILDCARD_LIMIT:
            self._fail(start, f"a pattern has at most {WILDCARD_LIMIT} selectors with a wildcard")
        return tuple(path)

    def _property(self) -> object:
        if self._next("*"):
            return ANY
        for form in (NAME, QUOTED_NAME):
            if name := form.match(self._text, self._at):
                self._at = name.end()
                return name[name.lastindex or 0]
        self._fail(
            self._at,
            "expected a field's name of letters, digits, - and _; others stand in .['name']",
        )

    def _value(self) -> str | Number | Regex:
        start = self._at
        if self._next('"'):
            quoted = QUOTED.match(self._text, start)
            if not quoted:
                self._fail(start, 'the closing " is missing')
            self._at = quoted.end()
            return re.sub(r'\\(["\\])', r"\1", quoted[1])
        if self._next("%"):
            return self._regex(start)
        bare = BARE.match(self._text, start)
        if not bare:
            self._fail(start, 'expected a number, a text in "", or a regular expression in %%')
        self._at = bare.end()
        word = bare[0]
        if (number := _number(word)) is not None:
            return number
        if not PLAIN.fullmatch(word):
            self._fail(start, f'this text needs quotes: "{word}"')
        return word

    def _regex(self, start: int) -> Regex:
        self._regexes += 1
        if self._regexes > REGEX_LIMIT:
            self._fail(start, f"a pattern has at most {REGEX_LIMIT} regular expressions")
        end = self._text.find("%", self._at)
        if end < 0:
            self._fail(start, "the closing % is missing")
        begin, self._at = self._at, end + 1
        return Regex(self._text[begin:end], lambda at, what: self._fail(begin + at, what))

    def _space(self) -> None:
        found = SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _next(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _fail(self, at: int, what: str) -> NoReturn:
        raise PatternError(f"filter pattern, character {at + 1}: {what}")


def _either(alternatives: list[list[Test]]) -> Test:
    """Whether all tests of one of the alternatives hold."""
    if len(alternatives) == len(alternatives[0]) == 1:
        return alternatives[0][0]
    return lambda record: any(all(test(record) for test in tests) for tests in alternatives)
