"""Accounts of the institution's persons: made, changed, closed by the operator, and logged in to.

Rules: what was wrong at the door is never said, and takes as long whatever it was; who tries too
often waits, whether the account exists or not. What is logged names accounts by their pseudonyms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from connector.domain import account as accounts
from connector.domain.account import Account, Person
from connector.domain.page import PAGE, Page
from connector.errors import AccountTaken, LoginRefused, NotPermitted
from connector.identity import passwords
from connector.ports import Ports, Transaction
from connector.services.lookup import require

ENTERED: Final = "account.entered"
REFUSED: Final = "account.refused"


def page(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Account]:
    """Return a page of the accounts, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.accounts.page(after=after, limit=limit)


def account(ports: Ports, name: str) -> Account:
    """Return an account, closed or not.

    Raises:
        NotFound: there is none of that name.
    """
    with ports.store.read() as tx:
        return require(tx.accounts.get(name), "account", name)


def add(
    ports: Ports, name: str, roles: Iterable[str], reviews: Iterable[str], password: str
) -> Account:
    """Make an account.

    Args:
        ports: of the node.
        name: typed to log in.
        roles: names of `AccountRole`.
        reviews: roles of approvals in which it decides.
        password: as it will be typed.

    Raises:
        Malformed: one of them may not be so.
        AccountTaken: there is an account of that name.
    """
    accounts.check_name(name)
    read = accounts.read_roles(roles)
    decides = accounts.read_reviews(reviews, read)
    accounts.check_password(password, name)
    now, kept = ports.clock.now(), passwords.hashed(password)
    made = Account(ports.ids.new(), name, read, decides, kept, "", False, now, now)  # noqa: FBT003
    with ports.store.write() as tx:
        if not tx.accounts.add(made):
            raise AccountTaken(
                f"there is an account `{name}` already", hint="choose another name", where="name"
            )
        _note(tx, "account.made", made)
    return made


def change(
    ports: Ports,
    name: str,
    *,
    roles: Iterable[str] | None = None,
    reviews: Iterable[str] | None = None,
    password: str | None = None,
) -> Account:
    """Change an account; what it began before ends.

    Args:
        ports: of the node.
        name: of the account.
        roles: its new ones; None: as they are.
        reviews: its new ones; None: as they are.
        password: its new one; None: as it is.

    Raises:
        NotFound: there is none of that name.
        NotPermitted: the institution's provider says what it may do.
        Malformed: one of them may not be so.
    """
    if password is not None:
        accounts.check_password(password, name)
    kept = None if password is None else passwords.hashed(password)
    with ports.store.write() as tx:
        found = require(tx.accounts.lock(name), "account", name)
        if found.subject:
            raise NotPermitted(
                "the institution's provider says who this account is, and what it may do",
                hint="change the person's groups there, or `[console_oidc]` in preau.toml",
            )
        read = found.roles if roles is None else accounts.read_roles(roles)
        decides = accounts.read_reviews(found.reviews if reviews is None else reviews, read)
        made = replace(
            found,
            roles=read,
            reviews=decides,
            password=found.password if kept is None else kept,
            changed_at=ports.clock.now(),
        )
        tx.accounts.put(made)
        _note(tx, "account.changed", made)
    return made


def close(ports: Ports, name: str) -> Account:
    """Let nobody log in to an account any more; its name stays taken.

    Raises:
        NotFound: there is none of that name.
    """
    with ports.store.write() as tx:
        found = require(tx.accounts.lock(name), "account", name)
        made = replace(found, closed=True, password="", changed_at=ports.clock.now())
        tx.accounts.put(made)
        _note(tx, "account.closed", made)
    return made


def enter(ports: Ports, name: str, password: str) -> Account:
    """Return the account of who logs in.

    Raises:
        LoginRefused: name or password is wrong, or the account is closed; or it was changed while
            the password was looked at, which takes a while.
    """
    name, password = (each[: accounts.MOST_PASSWORD] for each in (name, password))
    with ports.store.read() as tx:
        found = tx.accounts.get(name)
    kept = found.password if found and not found.closed else ""
    fits = passwords.fits(kept, password)
    renewed = passwords.hashed(password) if fits and passwords.is_old(kept) else kept
    with ports.store.write() as tx:
        entered = fits and tx.accounts.lock(name) == found
        tx.audit.append(ENTERED if entered else REFUSED, found.id if found else "")
        if found and entered and renewed != kept:
            tx.accounts.put(replace(found, password=renewed))
    if found is None or not entered:
        raise LoginRefused("name or password is wrong")
    return found


def vouched(ports: Ports, person: Person) -> Account:
    """Return the account of somebody whom the provider states; the first login makes it.

    Raises:
        LoginRefused: nothing that the provider states gives a role here, or the account is closed.
        AccountTaken: its name is another's.
    """
    with ports.store.write() as tx:
        made = _vouched(tx, ports, person)
        tx.audit.append(ENTERED if made.roles else REFUSED, made.id)
    if not made.roles:
        raise LoginRefused(
            "none of your groups has a role here, or your account was closed",
            hint="ask the operator of this node",
        )
    return made


def _vouched(tx: Transaction, ports: Ports, person: Person) -> Account:
    """Return an account as the provider states it now; without roles where nobody is let in."""
    now = ports.clock.now()
    found = next(iter(tx.accounts.find(subject=person.subject)), None)
    if found is None:
        kept, closed = "", False
        roles, subject = person.roles, person.subject
        made = Account(ports.ids.new(), "", roles, person.reviews, kept, subject, closed, now, now)
        return _added(tx, made, person) if made.roles else replace(made, id="")
    known = require(tx.accounts.lock(found.name), "account", found.name)
    if known.closed:
        return replace(known, roles=())
    if (known.roles, known.reviews) == (person.roles, person.reviews):
        return known
    # An account has a role; one that has none now keeps those that it had, and what it began ends.
    changed = replace(known, changed_at=now)
    if person.roles:
        changed = replace(changed, roles=person.roles, reviews=person.reviews)
    tx.accounts.put(changed)
    if not person.roles:
        return replace(changed, roles=())
    _note(tx, "account.changed", changed)
    return changed


def _added(tx: Transaction, account: Account, person: Person) -> Account:
    for name in person.names():
        if tx.accounts.add(made := replace(account, name=name)):
            _note(tx, "account.made", made)
            return made
        other = tx.accounts.get(name)
        if other is not None and other.subject == person.subject:  # made in this moment
            return other
    raise AccountTaken("the name of your account is taken here", hint="begin again")


def standing(ports: Ports, name: str) -> Account | None:
    """Return an account as it is now; None where it is closed or gone."""
    with ports.store.read() as tx:
        found = tx.accounts.get(name)
    return None if found is None or found.closed else found


def _note(tx: Transaction, kind: str, account: Account) -> None:
    tx.audit.append(kind, account.id, roles=[*account.roles], reviews=[*account.reviews])
