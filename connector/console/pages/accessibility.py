"""The statement on accessibility, by the template of the French State (RGAA 4.1.2).

Rule: it says what was done and no more: nobody audits these pages by themselves.

Source: law 2005-102 of 11 February 2005, article 47; decree 2019-768, article 4.
"""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry
from connector.console.parts import Page, Paragraphs
from connector.console.visit import Visit

PATH: Final = "/accessibility"
_STATE: Final = (
    "This console is not in conformity with the RGAA 4.1.2, since it has not been audited: "
    "without an audit nobody may say that it is."
)
_TESTS: Final = (
    "No audit by the RGAA was made. Whoever makes the software tests pages in the browser "
    "Chromium, with axe-core by WCAG 2.1 at level AA, in French and in English, by keyboard alone "
    "and at twice the size; such tests find a part of what an audit finds."
)
_USERS: Final = "No test was made with users, nor with a screen reader."
_FAULTS: Final = (
    "None is known. What others wrote is shown in the language in which they wrote it, and is not "
    "marked as such. The institution's own style sheet, where it has one, is not tested by "
    "whoever makes the software."
)
_MADE: Final = (
    "It comes with the software and names what its makers did. It is made anew once the "
    "institution has had the console audited."
)
_MADE_WITH: Final = (
    "Technologies: HTML, CSS and SVG, made on the server; a script renews some pages. "
    "All of them work without it."
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
    undertaken = (
        f"{name} undertakes to make this console accessible, by article 47 of the French law "
        "2005-102 of 11 February 2005."
    )
    told = (
        f"Whoever cannot reach a content or a service of it writes to {contact}: another way to "
        "it is found, or the content in another form."
    )
    parts = [
        Paragraphs("Engagement", [undertaken]),
        Paragraphs("State of conformity", [_STATE]),
        Paragraphs("Results of tests", [_TESTS, _USERS]),
        Paragraphs("Contents that are not accessible", [_FAULTS]),
        Paragraphs("How this statement was made", [_MADE, _MADE_WITH]),
        Paragraphs("Contact", [told if contact else _NOBODY]),
        Paragraphs("Ways of appeal", [_APPEAL]),
    ]
    return Page("Accessibility statement", parts)


PAGES: Final = (Entry(PATH, statement, open=True),)
