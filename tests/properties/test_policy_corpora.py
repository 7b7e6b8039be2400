"""The corpus of each law is what was chosen for it, and a law says of which draw it fails."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.support.choices import Choices
from tests.support.distilled import Law, corpora, distilled

MODULES = [f"tests.properties.{it.stem}" for it in Path(__file__).parent.glob("test_policy_*.py")]


def laws() -> dict[str, Law[object]]:
    tests = [test for module in MODULES for test in vars(import_module(module)).values()]
    found = [test.law for test in tests if isinstance(getattr(test, "law", None), Law)]
    return {law.name: law for law in found}


def test_each_law_has_the_corpus_that_was_chosen_for_it() -> None:
    found = laws()
    assert found.keys() == corpora().keys()
    for name, (drawn, numbers) in corpora().items():
        again = f"other values are drawn: `python -m tests.support.distilling {name}`"
        assert numbers
        assert found[name].drawn(numbers) == drawn, again


def test_a_law_is_asked_of_its_corpus_and_of_fresh_draws() -> None:
    seen: list[int] = []

    @distilled(lambda pick: pick.below(256), 1, fresh=5)
    def even(number: int) -> None:
        seen.append(number)
        assert number % 2 == 0

    law: Law[int] = even.law  # type: ignore[attr-defined] # as the corpora are found
    odd, fair = (next(n for n in range(99) if law.value(n) % 2 == turn) for turn in (1, 0))
    law.ask(fair)
    with pytest.raises(AssertionError) as caught:
        law.ask(odd)
    assert caught.value.__notes__ == [f"draw {odd} of the corpus: {law.value(odd)!r}"]
    with pytest.raises(AssertionError):
        even()
    assert law.drawn([odd]) != law.drawn([fair])
    assert law.value(odd) == law.make(Choices(bytes([law.value(odd)])))
