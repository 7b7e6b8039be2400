"""What tells one login from all others; apart, since a console begins none without a provider."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secrets:
    """What tells one login from all others.

    Attributes:
        state: comes back with the browser.
        nonce: comes back in the token.
        verifier: redeems the code (PKCE).
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
