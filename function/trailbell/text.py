"""Sentences whose words are ours and whose values came from an event, kept apart until rendered.

A channel sets the values in literal spans. Until then nothing may join the two, or an attacker
who may choose a user name chooses what the message says.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, unsafe_hash=True)  # frozen would double the cost of making one
class Text:
    """Words of ours with values of theirs between them. Never changed once it is made."""

    words: tuple[str, ...]
    """One more than the values: words[0] value[0] words[1] ..."""
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        filled = [part for pair in zip(self.words, self.values, strict=False) for part in pair]
        return "".join([*filled, self.words[-1]])

    def __bool__(self) -> bool:
        return bool(self.values) or self.words != ("",)

    def __add__(self, other: Text) -> Text:
        joint = self.words[-1] + other.words[0]
        words = (*self.words[:-1], joint, *other.words[1:])
        return Text(words, self.values + other.values)


EMPTY = Text(("",))


def say(template: str, *values: object) -> Text:
    """A sentence; each ``{}`` is a value that came from an event.

    A value that is a Text itself, or has a ``phrase`` that is one (an Actor), is spliced in.

    >>> str(say("{} created an access key for {}", "mallory", "backup"))
    'mallory created an access key for backup'
    >>> str(say("{} signed in", say("the root user")))
    'The root user signed in'
    """
    parts = template.split("{}")
    if len(parts) != len(values) + 1:
        raise ValueError(f"{template!r} has {len(parts) - 1} places for {len(values)} values")
    words = [parts[0]]
    literal: list[str] = []
    for value, after in zip(values, parts[1:], strict=True):
        phrase = getattr(value, "phrase", value)
        if isinstance(phrase, Text):
            words[-1] += phrase.words[0]
            words += phrase.words[1:]
            literal += phrase.values
            words[-1] += after
        else:
            literal.append(str(phrase))
            words.append(after)
    if not parts[0] and words[0]:  # a sentence that begins with a spliced phrase of ours
        words[0] = words[0][0].upper() + words[0][1:]
    return Text(tuple(words), tuple(literal))


def join(separator: str, texts: list[Text]) -> Text:
    """The texts, one after the other, with words of ours between them."""
    joined = texts[0] if texts else EMPTY
    for text in texts[1:]:
        joined = joined + Text((separator,)) + text
    return joined
