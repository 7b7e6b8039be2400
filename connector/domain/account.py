"""Accounts of the persons of this node's institution, and what they are there for. Pure.

Rules: an account has one role or several; who approves also has the roles of approvals in which it
decides, as offers name them. An account that is closed stays: the audit log names it, by an id that
says nothing of the person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from connector.errors import Malformed

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
REVIEW: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")  # as offers name roles
LEAST_PASSWORD: Final = 12  # characters; NIST SP 800-63B-4 asks for 15 where nothing else protects
MOST_PASSWORD: Final = 256


class AccountRole(StrEnum):
    """What an account is there for."""

    OPERATOR = "operator"
    STEWARD = "steward"
    AUTHOR = "author"  # of policies
    APPROVER = "approver"
    SCIENTIST = "scientist"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        id: pseudonym, in the audit log.
        name: typed to log in.
        roles: see `AccountRole`.
        reviews: roles of approvals in which it decides.
        password: Argon2 hash with its parameters; empty where another service tells who it is.
        subject: issuer and subject of OpenID Connect, with a blank between; empty for none.
        closed: whether nobody logs in with it any more.
        made_at: UTC.
        changed_at: of its password, roles or standing, UTC; what began before it ends.
    """

    id: str
    name: str
    roles: tuple[AccountRole, ...]
    reviews: tuple[str, ...]
    password: str = field(repr=False)
    subject: str
    closed: bool
    made_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the institution's provider of logins states.

    Attributes:
        subject: see `Account`.
        called: by the provider; may be empty.
        roles: that its groups give here; maybe none.
        reviews: roles of approvals that they give.
    """

    subject: str = field(repr=False)
    called: str = field(repr=False)
    roles: tuple[AccountRole, ...]
    reviews: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """Return names for the account, the best first; the last is the person's alone."""
        own = f"oidc-{sha256(self.subject.encode()).hexdigest()[:32]}"
        called = self.called.lower()
        return (called, own) if NAME.fullmatch(called) else (own,)


def check_name(name: str) -> str:
    """Return a name that an account may have.

    Raises:
        Malformed: it may not.
    """
    if not NAME.fullmatch(name):
        raise Malformed(
            "the name of an account has up to 64 small letters, digits, `.`, `_`, `@`, `+` and `-`",
            where="name",
        )
    return name


def read_roles(stated: Iterable[str]) -> tuple[AccountRole, ...]:
    """Return roles by their names, each once, in the order of `AccountRole`.

    Raises:
        Malformed: none are stated, or one is unknown.
    """
    names = set(stated)
    known = {each.value for each in AccountRole}
    for name in sorted(names - known):
        listed = ", ".join(f"`{each}`" for each in AccountRole)
        raise Malformed(
            f"no account has the role `{name[:64]}`", hint=f"known are {listed}", where="roles"
        )
    if not names:
        raise Malformed("an account has at least one role", where="roles")
    return tuple(each for each in AccountRole if each.value in names)


def read_reviews(stated: Iterable[str], roles: Iterable[AccountRole]) -> tuple[str, ...]:
    """Return the roles of approvals in which an account decides, each once.

    Raises:
        Malformed: one is no name of a role, or the account does not approve.
    """
    found = tuple(dict.fromkeys(stated))
    for name in found:
        if not REVIEW.fullmatch(name):
            raise Malformed(
                "roles of approvals have small letters, digits and hyphens", where="reviews"
            )
    if found and AccountRole.APPROVER not in roles:
        raise Malformed("whoever decides on approvals needs the role `approver`", where="roles")
    return found


def check_password(password: str, name: str) -> None:
    """Check that a password may be chosen.

    Raises:
        Malformed: it is too short or too long, or is the account's name.
    """
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise Malformed(
            f"a password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters", where="password"
        )
    if password.lower() == name:
        raise Malformed("a password must not be the account's name", where="password")
