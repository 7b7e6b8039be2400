"""A file, text or object to a policy: the one way that library, command and connector read by.

    policy = load(Path("offer.json"))      # JSON-LD or Turtle, told apart by content
    decision = evaluate(policy, Request(action, target=asset))

Rules: text and bytes are content, never the name of a file; nothing is fetched; whatever is not
understood is kept and never decided. Wrappers and dialects of others are read as the ODRL that they
stand for (`documents/dialects.py`).
"""

from __future__ import annotations

from policies_odrl.documents.dialects import translated
from policies_odrl.documents.sources import Source, nodes_of
from policies_odrl.errors import IllFormed
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Policy
from policies_odrl.reading.reader import read_all


def load(source: Source, knowledge: Knowledge | None = None, *, strict: bool = False) -> Policy:
    """Return the one policy that a source holds.

    >>> text = '''@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
    ...     <urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:read ] .'''
    >>> load(text).id
    'urn:p'

    Args:
        source: a `Path` is a file; `str` and `bytes` are content, JSON-LD or Turtle; a dictionary
            is JSON-LD that was parsed.
        knowledge: left operands, actions and profiles beyond ODRL and our profile.
        strict: whether what JSON-LD would lose is refused instead of kept; for what is signed.

    Raises:
        OSError: the file cannot be read.
        IllFormed: it holds no policy, or several, or the information model is broken.
        LimitExceeded: too large, or nested too deep.
    """
    found = load_all(source, knowledge, strict=strict)
    if len(found) != 1:
        raise IllFormed("one policy was expected, {count} were found", count=len(found))
    return found[0]


def load_all(
    source: Source, knowledge: Knowledge | None = None, *, strict: bool = False
) -> tuple[Policy, ...]:
    """Return all policies that a source holds, in their order.

    Args:
        source: see `load`.
        knowledge: see `load`.
        strict: see `load`.

    Raises:
        OSError: the file cannot be read.
        IllFormed: it holds no policy, or the information model is broken.
        LimitExceeded: too large, or nested too deep.
    """
    return read_all(translated(nodes_of(source, strict=strict)), knowledge, strict=strict)
