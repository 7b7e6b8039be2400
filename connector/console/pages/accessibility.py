"""The statement on accessibility, by the template of the French State (RGAA 4.1.2).

Rule: it says what was done and no more: nobody audits these pages by themselves.

Source: law 2005-102 of 11 February 2005, article 47; decree 2019-768, article 4.
"""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry
from connector.console.parts import Page, Paragraphs
from connector.console.visit import Visit
from connector.language.matching import Naming

PATH: Final = "/accessibility"
TITLE: Final = "Accessibility statement"
_PLAN: Final = (
    "The plan of several years and the plans of action that this law asks for are published by the "
    "institution; the software knows nothing of them."
)
_STATE: Final = (
    "This console is not in conformity with the RGAA 4.1.2, since it has not been audited: "
    "without an audit nobody may say that it is."
)
_TESTS: Final = (
    "No audit by the RGAA was made, so that no share of its criteria can be stated. Whoever makes "
    "the software tests every page: empty, filled, refused and forbidden, in French and in "
    "English, with axe-core by WCAG 2.1 at level AA, by keyboard alone, at four times the size, "
    "with more space between letters, and in light and dark colours; such tests find a part of "
    "what an audit finds."
)
_USERS: Final = "No test was made with users, nor with a screen reader."
_FAULTS: Final = (
    (
        "Criterion 8.7: what others wrote is marked with its language only where they say which it "
        "is, as in data dictionaries."
    ),
    (
        "Criterion 13.1: a session ends half an hour after its last page and eight hours after its "
        "first. That protects what is shown; nothing warns of it, and whoever sends a form "
        "afterwards fills it in again."
    ),
    (
        "Criterion 13.3: files of evidence, models and cards are for programs. Tables can be "
        "downloaded, and stand in the page as well."
    ),
    "A file that is larger than the console takes is refused in English, on a page without a menu.",
)
_BURDEN: Final = "None is claimed."
_OTHERS: Final = (
    "Titles, descriptions, reasons and other texts of other institutions, over which this one has "
    "no control. The institution's own style sheet, where it has one, is not tested by whoever "
    "makes the software."
)
_MADE: Final = (
    "This statement was made on 29 November 2026 by whoever makes the software, comes with it, and "
    "names what they did. It is made anew once the institution has had the console audited."
)
_MADE_WITH: Final = (
    "Technologies: HTML, CSS and SVG, made on the server; a script renews some pages. "
    "All of them work without it."
)
_TRIED_WITH: Final = (
    "Environment and tools of the tests: the browser Chromium on Debian, Playwright, axe-core. "
    "All pages of all roles were looked at."
)
_NOBODY: Final = (
    "The institution has not stated yet to whom one writes who cannot reach a content or a "
    "service of it: its operator does so by the setting `console_contact`."
)
_APPEAL: Final = (
    "If you have told the institution of what keeps you from a content or a service, and have "
    "had no satisfying answer, you may in France write to the Defender of Rights: by the form at "
    "formulaire.defenseurdesdroits.fr, to its delegate in your region, or by post, without a "
    "stamp, to Défenseur des droits, Libre réponse 71120, 75342 Paris CEDEX 07."
)


def statement(visit: Visit) -> Page:
    """Say how accessible the console is, and to whom one turns."""
    name, contact = visit.node_name, visit.contact
    undertaken = Naming(
        "{name} undertakes to make this console accessible, by article 47 of the French law "
        "2005-102 of 11 February 2005.",
        name=name,
    )
    told = Naming(
        "Whoever cannot reach a content or a service of it writes to {contact}: another way to "
        "it is found, or the content in another form.",
        contact=contact,
    )
    applies = Naming("This statement applies to the console of this node: {name}.", name=name)
    parts = [
        Paragraphs("Engagement", [undertaken, _PLAN, applies]),
        Paragraphs("State of conformity", [_STATE]),
        Paragraphs("Results of tests", [_TESTS, _USERS]),
        Paragraphs("Contents that are not accessible: what is known", _FAULTS),
        Paragraphs("Derogations for a disproportionate burden", [_BURDEN]),
        Paragraphs("Contents that need not be accessible", [_OTHERS]),
        Paragraphs("How this statement was made", [_MADE, _MADE_WITH, _TRIED_WITH]),
        Paragraphs("Contact", [told if contact else _NOBODY]),
        Paragraphs("Ways of appeal", [_APPEAL]),
    ]
    return Page(TITLE, parts)


PAGES: Final = (Entry(PATH, statement, open=True),)
