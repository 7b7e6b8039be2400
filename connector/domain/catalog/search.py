"""What a catalog is searched for: words, and facets that a description states."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Protocol

from connector.errors import Malformed

MOST_WORDS: Final = 16  # each is looked for in every dataset, and peers choose them


class Described(Protocol):
    """What a search looks at; a provider's dataset has it, and what a peer describes."""

    @property
    def id(self) -> str: ...  # noqa: D102 - an attribute
    @property
    def title(self) -> str: ...  # noqa: D102 - same
    @property
    def description(self) -> str: ...  # noqa: D102 - same
    @property
    def territory(self) -> str: ...  # noqa: D102 - same
    @property
    def collection_purpose(self) -> str: ...  # noqa: D102 - same
    @property
    def legal_basis(self) -> str: ...  # noqa: D102 - same


@dataclass(frozen=True, slots=True)
class Search:
    """Which datasets are wanted; what is empty asks for nothing.

    Attributes:
        words: all of them stand in id, title or description, whatever their case and accents.
        territory: ISO 3166 code.
        purpose: IRI of the purpose of collection.
        legal_basis: IRI.

    Raises:
        Malformed: more than `MOST_WORDS` words.
    """

    words: str = ""
    territory: str = ""
    purpose: str = ""
    legal_basis: str = ""

    def __post_init__(self) -> None:
        """Bound what one search costs."""
        if len(self.wanted()) > MOST_WORDS:
            raise Malformed(f"at most {MOST_WORDS} words are searched for at once")

    def wanted(self) -> tuple[str, ...]:
        """Return the words as `text_of` spells them."""
        return tuple(folded(self.words).split())

    def facets(self) -> dict[str, str]:
        """Return the facets that are asked for, by field of a dataset."""
        asked = {
            "territory": self.territory,
            "collection_purpose": self.purpose,
            "legal_basis": self.legal_basis,
        }
        return {name: value for name, value in asked.items() if value}

    def matches(self, found: Described) -> bool:
        """Return whether a dataset is wanted."""
        if any(getattr(found, name) != value for name, value in self.facets().items()):
            return False
        text = text_of(found)
        return all(word in text for word in self.wanted())


def text_of(found: Described) -> str:
    """Return the text in which words are looked for."""
    return folded(f"{found.id}\n{found.title}\n{found.description}")


def folded(text: str) -> str:
    """Return text without case and accents (Unicode NFKD, combining marks left out)."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
