"""The editor's page: findings, three views that stay equal, and what can be asked of the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connector.console.pages.author import conditions, findings, trials
from connector.console.parts import Field, Form, Group, Link, Page, Part
from connector.console.visit import Visit
from connector.errors import PreauError
from connector.jsonld.canonical import canonical
from connector.services.policies import drafting
from connector.services.policies.drafting import Draft
from connector.services.publication import withdrawing

TITLE: Final = "Policy editor"
SENTENCES: Final = "sentences"
DOCUMENT: Final = "document"
_TEXTS: Final = {
    SENTENCES: ("In sentences", "numbered sentences, in the language of this page"),
    DOCUMENT: ("As JSON-LD", "ODRL 2.2 under the contexts of the protocol"),
}


def shown(
    visit: Visit,
    draft: Draft,
    said: Sequence[Part] = (),
    *,
    offer: str = "",
    refusal: PreauError | None = None,
) -> Page:
    """Return the page of a draft.

    Args:
        visit: who asks for it, with what its form holds.
        draft: in the views.
        said: what there is to know first.
        offer: own offer whose terms it is for; empty: as the form says.
        refusal: why what the form brought was not done; its view goes on holding that.
    """
    offer = offer or visit.given("offer")
    hidden = {"document": canonical(draft.document).decode(), "offer": offer}
    language, given = visit.language, visit.form
    summary = findings.summary(draft)
    form = conditions.form(draft.document, draft.lines, language, hidden, summary)
    texts = {SENTENCES: "\n".join(draft.sentences), DOCUMENT: findings.written(draft.document)}
    sentences, document = (_text(view, text, hidden, summary) for view, text in texts.items())
    parts: list[Part] = [
        Group("answer", said),
        findings.group(draft, language, hidden),
        sentences,
        form,
        conditions.adding(draft.document, draft.lines, language, hidden),
        document,
        trials.request(draft, language, hidden, given),
        trials.other(hidden, given),
        trials.under(visit.served.do(drafting.spaces), hidden, given),
    ]
    if offer and visit.served.may(withdrawing.replace_offer):
        parts.append(_replacing(hidden))
    return Page(TITLE, parts, subject=draft.policy.id, refusal=refusal)


def _text(view: str, text: str, hidden: Mapping[str, str], summary: Link) -> Form:
    title, hint = _TEXTS[view]
    # one character more is refused with a reason, not cut off
    field = Field("text", "text", hint, "lines", text, needed=True, longest=drafting.MOST + 1)
    hidden = {**hidden, "view": view}
    return Form(
        title, "/policy/edit", (field,), conditions.UPDATE, hidden, name=f"-{view}", typed=summary
    )


def _replacing(hidden: Mapping[str, str]) -> Form:
    reason = Field("reason", "reason", hint="one line; parties are told", needed=True)
    title = "Put it in the place of the offer's terms"
    return Form(title, "/policy/replace", (reason,), "replace", hidden, grave=True)
