"""The institution's provider of logins, as the settings name it, and what its groups may do. Pure.

Rule: a group that the settings do not name gives nothing; who is in none of them has no account.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector.domain.account import AccountRole, read_reviews, read_roles
from connector.errors import ConfigurationInvalid, Malformed

TEXTS: Final = ("issuer", "client_id", "secret_file", "claim", "name_claim")
TABLES: Final = ("roles", "decides_as")  # group -> list
_ISSUER: Final = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%-]+)*/?")
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 section 3.3
_OPENID: Final = "openid"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of OpenID Connect.

    Attributes:
        issuer: its `https://` address, spelled as in its tokens.
        client_id: by which it knows this console.
        secret_file: file with the secret of that client, mode 0600.
        claim: where it states a person's groups; a path of members, with dots between, where it
            makes no claim of that name.
        name_claim: where it states what the person is called; the account is called so.
        scopes: that it is asked for.
        roles: group -> roles of accounts.
        decides_as: group -> roles of approvals.
    """

    issuer: str
    client_id: str
    roles: Mapping[str, tuple[AccountRole, ...]]
    secret_file: str = "keys/oidc.secret"  # noqa: S105 - where it is
    claim: str = "groups"
    name_claim: str = "preferred_username"
    scopes: tuple[str, ...] = (_OPENID, "profile")
    decides_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def granted(self, groups: Collection[str]) -> tuple[tuple[AccountRole, ...], tuple[str, ...]]:
        """Return the roles of who is in these groups, and the roles of approvals; maybe none."""
        roles = {each for group in groups for each in self.roles.get(group, ())}
        reviews = [
            each for group in self.decides_as if group in groups for each in self.decides_as[group]
        ]
        return tuple(each for each in AccountRole if each in roles), tuple(dict.fromkeys(reviews))


def read(raw: Any) -> Provider:
    """Return the provider of the table `[console_oidc]`.

    Raises:
        ConfigurationInvalid: it is not stated as it must be.
    """
    if not isinstance(raw, dict):
        raise ConfigurationInvalid("setting `console_oidc` must be a table `[console_oidc]`")
    known = (*TEXTS, "scopes", *TABLES)
    for name in sorted(set(raw) - set(known)):
        raise ConfigurationInvalid(f"unknown setting `console_oidc.{name}`")
    for name in TEXTS:
        value = raw.get(name, "-")
        if not isinstance(value, str) or not value or not value.isprintable():
            raise ConfigurationInvalid(f"setting `console_oidc.{name}` must be one line of text")
    for name in ("issuer", "client_id"):
        if name not in raw:
            raise ConfigurationInvalid(f"setting `console_oidc.{name}` is missing")
    if not _ISSUER.fullmatch(raw["issuer"]):
        raise ConfigurationInvalid(
            "setting `console_oidc.issuer` must be an `https://` address without a query"
        )
    scopes = _texts("scopes", raw.get("scopes", [_OPENID, "profile"]))
    if _OPENID not in scopes or not all(map(_SCOPE.fullmatch, scopes)):
        raise ConfigurationInvalid("setting `console_oidc.scopes` must list `openid`, and scopes")
    stated = {name: raw[name] for name in TEXTS if name in raw}
    return Provider(**stated, scopes=scopes, **_tables(raw))


def options(provider: Provider) -> dict[str, str | tuple[str, ...]]:
    """Return what the table itself states, without those beneath it."""
    return {name: getattr(provider, name) for name in (*TEXTS, "scopes")}


def _tables(raw: Mapping[str, Any]) -> dict[str, Any]:
    roles, decides = (_table(name, raw.get(name, {})) for name in TABLES)
    if not roles:
        raise ConfigurationInvalid("setting `console_oidc.roles` must give a group a role")
    try:
        given = {group: read_roles(names) for group, names in roles.items()}
        reviews = {
            group: read_reviews(names, given.get(group, ())) for group, names in decides.items()
        }
    except Malformed as exc:
        raise ConfigurationInvalid(f"setting `console_oidc`: {exc.reason}", hint=exc.hint) from exc
    return {"roles": given, "decides_as": reviews}


def _table(name: str, raw: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(raw, dict):
        raise ConfigurationInvalid(f"setting `console_oidc.{name}` must be a table of groups")
    if not all(map(str.isprintable, raw)):
        raise ConfigurationInvalid(f"setting `console_oidc.{name}` names a group that is no line")
    return {group: _texts(f"{name}.{group}", value) for group, value in raw.items()}


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigurationInvalid(f"setting `console_oidc.{name}` must be a list of texts")
    return tuple(value)
