"""Laws of canonical JSON: whatever writes it, the bytes are those of the RFC 8785 library."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from connector.errors import Malformed
from connector.jsonld.canonical import canonical


class Word(StrEnum):
    """A text of another class than `str`."""

    SHORT = "short"


EDGES = [2**53 - 1, 2**53, 1e-4, 9.9e-5, 1e15 + 0.5, 1e16, 1e21, 5e-324, 0.1, 1.0, -0.0]
numbers = st.integers() | st.floats() | st.sampled_from([*EDGES, *(-each for each in EDGES)])
# With what sorts otherwise by code points than by UTF-16, what is escaped, and lone surrogates.
texts = st.text() | st.text(st.sampled_from('\x00\x1f\x7f"\\/\n\u2028é\ue000\ud800\U0001f600'))
scalars = st.none() | st.booleans() | numbers | texts | st.sampled_from(Word)
names: st.SearchStrategy[Any] = texts | st.sampled_from(Word) | st.integers()


def values(under: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return what holds such values."""
    return st.lists(under) | st.lists(under).map(tuple) | st.dictionaries(names, under, max_size=5)


@given(st.recursive(scalars, values, max_leaves=20))
@example({"b": [1, 0.25, None, True], "a": {"é": "\x01"}, "": ()})
def test_bytes_are_those_of_the_library(value: object) -> None:
    try:
        expected = rfc8785.dumps(value)  # type: ignore[arg-type]  # also what it refuses
    except (rfc8785.CanonicalizationError, UnicodeError):
        with pytest.raises(Malformed):
            canonical(value)
    else:
        assert canonical(value) == expected


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = ["a"]
    endless.append(endless)
    with pytest.raises(Malformed):
        canonical(endless)
