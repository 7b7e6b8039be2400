"""Looks at the institution's provider of logins: the secret of this client, and its statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connector.bootstrap.diagnosis import kept_keys
from connector.config import Settings
from connector.domain.provider import Provider
from connector.errors import PreauError
from connector.services.health import diagnose
from connector.services.health.diagnose import Check

_NAME: Final = "logins of the console"


def checks(settings: Settings, *, ask: bool) -> list[Check]:
    """Look at the provider, where the settings name one.

    Args:
        settings: of the node.
        ask: whether to ask it.
    """
    return list(_checks(settings, settings.console_oidc, ask=ask) if settings.console_oidc else ())


def _checks(settings: Settings, provider: Provider, *, ask: bool) -> Iterator[Check]:
    said = diagnose.unusable(kept_keys.key_file(settings, provider.secret_file))
    if said is not None:
        fault, mend = said
        put = f"put the client's secret, as the provider states it, into `{provider.secret_file}`"
        yield Check(_NAME, diagnose.FAIL, fault, put if mend == diagnose.PUT_BACK else mend)
    if not ask:
        return
    from connector.bootstrap import logins  # noqa: PLC0415 - loads OpenID Connect
    from connector.services.access.institution import endpoints  # noqa: PLC0415 - same

    try:
        endpoints(logins.web(settings, provider), provider)
    except PreauError as exc:
        finding = f"`{provider.issuer}` does not log persons in: {exc.reason}"
        yield Check(_NAME, diagnose.FAIL, finding, exc.hint or _MEND)
    else:
        yield Check(
            _NAME, diagnose.OK, f"`{provider.issuer}` answers, and does what this node needs"
        )


_MEND: Final = "mend `issuer` of `[console_oidc]` in preau.toml, or what the provider offers"
