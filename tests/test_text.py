from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailbell.actor import Actor
from trailbell.text import EMPTY, Text, join, say

NAME = "<!channel> {} {0}"
ROOT = Actor("root of 111122223333", say("the root user"), say("root"))
MALLORY = Actor(NAME, say("{}", NAME), say("{} (IAM user)", NAME))
WORDS = st.text(st.characters(exclude_characters="{}"), max_size=8)


@st.composite
def texts(draw: st.DrawFn) -> Text:
    values = draw(st.lists(st.text(max_size=8), max_size=4))
    words = draw(st.lists(WORDS, min_size=len(values) + 1, max_size=len(values) + 1))
    return Text(tuple(words), tuple(values))


@pytest.mark.parametrize(
    ("text", "words", "values"),
    [
        (say(""), ("",), ()),
        (say("signed in"), ("signed in",), ()),
        (say("{}", "bob"), ("", ""), ("bob",)),
        (say("{} made {}", "bob", 5), ("", " made ", ""), ("bob", "5")),
        (say("{} made {}", "{}", "{0}"), ("", " made ", ""), ("{}", "{0}")),
        (say("{}{}", "a", "b"), ("", "", ""), ("a", "b")),
        (say("{}", None), ("", ""), ("None",)),
        (say("by {}", MALLORY), ("by ", ""), (NAME,)),
        (say("by {}", ROOT), ("by the root user",), ()),
        (say("{} signed in", ROOT), ("The root user signed in",), ()),
        (say("{} signed in", MALLORY), ("", " signed in"), (NAME,)),
        (say("{} signed in", "the root user"), ("", " signed in"), ("the root user",)),
        (say("{} for {}", say("key {}", "AKIA"), "bob"), ("Key ", " for ", ""), ("AKIA", "bob")),
        (say("the {}", say("{} of {}", "a", "b")), ("the ", " of ", ""), ("a", "b")),
        (say("{}", EMPTY), ("",), ()),
        (say("name {}", "Anton"), ("name ", ""), ("Anton",)),
    ],
)
def test_say(text: Text, words: tuple[str, ...], values: tuple[str, ...]) -> None:
    """Words of ours and values of theirs stay apart, spliced phrases included; a sentence that
    begins with a phrase of ours begins with a capital."""
    assert (text.words, text.values) == (words, values)


@pytest.mark.parametrize(("template", "values"), [("{}", ()), ("", ("a",)), ("{} {}", ("a",))])
def test_a_sentence_with_a_hole(template: str, values: tuple[str, ...]) -> None:
    """A rule that forgot a value, or has one too many, is broken and says so."""
    with pytest.raises(ValueError, match="places for"):
        say(template, *values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(EMPTY, False), (say(""), False), (say(" "), True), (say("{}", ""), True), (say("x"), True)],
)
def test_whether_it_says_anything(text: Text, expected: bool) -> None:
    """Only a text without words and values is nothing."""
    assert bool(text) is expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([], ""), ([say("a")], "a"), ([say("a"), say("{}", "b"), say("c")], "a, b, c")],
)
def test_join(parts: list[Text], expected: str) -> None:
    """Texts are joined by words of ours."""
    assert str(join(", ", parts)) == expected


@given(texts(), texts(), texts())
def test_joining_keeps_words_and_values_apart(one: Text, two: Text, three: Text) -> None:
    """Texts add up like strings, and their values like lists."""
    assert str(one + two) == str(one) + str(two)
    assert (one + two).values == one.values + two.values
    assert (one + two) + three == one + (two + three)
    assert one + EMPTY == one == EMPTY + one
    assert join("; ", [one, two, three]).values == one.values + two.values + three.values


@given(texts(), st.text())
def test_a_value_never_becomes_a_word(phrase: Text, value: str) -> None:
    """Whatever a value holds, none of it is taken for words of ours."""
    text = say("{} made {} for {}", phrase, value, phrase)

    assert text.values == (*phrase.values, value, *phrase.values)
    assert len(text.words) == len(text.values) + 1
    assert str(text).lower().endswith(f"made {value} for {phrase}".lower())


@given(texts())
def test_texts_compare_and_hash(text: Text) -> None:
    """Equal sentences are counted as one."""
    assert len({text, Text(text.words, text.values)}) == 1
