"""What actions of policies are called."""

from __future__ import annotations

from policies_odrl.text import term
from policies_odrl.vocabulary import ACTIONS


def action_name(action: str, language: str) -> str:
    """Return what an action is called in a language; its short name where it has none there.

    Args:
        action: IRI.
        language: such as `fr`.
    """
    row = ACTIONS.get(action)
    return (row.names.get(language) if row else "") or term(action)
