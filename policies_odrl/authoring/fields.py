"""What a person fills in: the fields of a template, each with its two labels.

Rules: a field says what it takes, never how it looks; what is filled in is text, read strictly as
its kind; a value outside the choices is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """What a field takes, and so which widget fits."""

    TEXT = "text"  # one line
    IRI = "iri"  # an absolute IRI: a party, an asset, a document
    NUMBER = "number"  # a decimal
    COUNT = "count"  # a whole number, zero or more
    DATE = "date"  # xsd:date or xsd:dateTime
    DURATION = "duration"  # xsd:duration
    CHOICE = "choice"  # one of `choices`
    CHOICES = "choices"  # one or more of `choices`, one a line
    LINES = "lines"  # one or more values, one a line


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a field allows.

    Attributes:
        value: what is filled in.
        label_fr: its name in French.
        label_en: its name in English.
    """

    value: str
    label_fr: str
    label_en: str


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in.

    Attributes:
        name: key, unique in its form.
        label_fr: its name in French.
        label_en: its name in English.
        kind: see `FieldKind`.
        choices: values allowed; empty: any of the kind.
        required: whether it must be filled in.
        default: what stands there before; empty: nothing.
        unit: IRI of the unit that a number is in; empty when none.
        help_fr: one sentence in French.
        help_en: one sentence in English.
    """

    name: str
    label_fr: str
    label_en: str
    kind: FieldKind
    choices: tuple[Choice, ...] = ()
    required: bool = True
    default: str = ""
    unit: str = ""
    help_fr: str = ""
    help_en: str = ""

    def label(self, lang: str) -> str:
        """Return its name in a language, `fr` or `en`."""
        return self.label_fr if lang == "fr" else self.label_en

    def help(self, lang: str) -> str:
        """Return its help in a language, `fr` or `en`."""
        return self.help_fr if lang == "fr" else self.help_en
