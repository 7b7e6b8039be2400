"""When a token may be taken: made already, not yet expired, and of a short life (RFC 7519 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain import instant
from connector.errors import TokenInvalid


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Times of a token, UTC.

    Attributes:
        issued: `iat`.
        expires: `exp`.
        begins: `nbf`; None where it states none.
    """

    issued: datetime
    expires: datetime
    begins: datetime | None = None

    def check(self, longest: timedelta, now: datetime) -> None:
        """Check that a token may be taken now; the two clocks may differ by `instant.SKEW`.

        Args:
            longest: most that may lie between `iat` and `exp`.
            now: UTC.

        Raises:
            TokenInvalid: it lives too long, is not valid yet, or has expired.
        """
        if not timedelta(0) < self.expires - self.issued <= longest:
            seconds = f"{longest.total_seconds():.0f}"
            raise TokenInvalid(f"the token's lifetime is not between 0 and {seconds} seconds")
        # RFC 7519 section 4.1.5: a token is not taken before its `nbf`, whoever stated one
        begins = max(self.issued, self.begins or self.issued)
        here = f"and this node's clock says {instant.text(now)}"
        if begins > now + instant.SKEW:
            raise TokenInvalid(
                f"the token is not valid before {instant.text(begins)}, {here}",
                hint="check both clocks",
            )
        if now >= self.expires + instant.SKEW:
            raise TokenInvalid(
                f"the token expired at {instant.text(self.expires)}, {here}",
                hint="check both clocks",
            )


def claims(did: str, audience: str, jti: str, now: datetime, life: timedelta) -> dict[str, object]:
    """Return what a self-issued token states of its bearer, its reader and its times (section 4.1).

    Args:
        did: the bearer.
        audience: DID of who reads it.
        jti: fresh id.
        now: UTC.
        life: from `iat` to `exp`.
    """
    issued = int(now.timestamp())
    expires = issued + int(life.total_seconds())
    return {
        "iss": did,
        "sub": did,
        "aud": audience,
        "jti": jti,
        "iat": issued,
        "exp": expires,
    }
