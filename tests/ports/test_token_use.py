"""A token and what its call changes are written together, or not at all."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from connector.errors import TermsRefused, TokenReplayed
from connector.identity.token import CallToken
from connector.peer.calls.use import Use
from connector.store import SqlStore
from tests.support.doubles import NOON

TOKEN = CallToken("did:web:p", "t", NOON + timedelta(seconds=60))


class _UndoneError(Exception):
    pass


def used(store: SqlStore) -> bool:
    found = False
    with suppress(_UndoneError), store.write() as tx:
        found = not tx.tokens.use(TOKEN.issuer, TOKEN.jti, TOKEN.expires)
        raise _UndoneError
    return found


def events(store: SqlStore) -> int:
    with store.read() as tx:
        return tx.audit.head()[0]


def test_the_first_write_of_a_call_uses_its_token(store: SqlStore) -> None:
    use = Use(store, TOKEN)
    with use.read():
        pass
    assert not used(store)
    for _ in range(2):
        with use.write() as tx:
            tx.audit.append("a.b", "x")
    use.settle()
    assert used(store)
    assert events(store) == 2


def test_a_call_that_changes_nothing_uses_its_token(store: SqlStore) -> None:
    Use(store, TOKEN).settle()
    assert used(store)


def test_a_call_that_is_refused_changes_nothing_and_uses_its_token(store: SqlStore) -> None:
    use = Use(store, TOKEN)
    with suppress(TermsRefused), use.write() as tx:
        tx.audit.append("a.b", "x")
        raise TermsRefused("no")
    assert not used(store)
    use.settle()
    assert used(store)
    assert events(store) == 0


@pytest.mark.parametrize("writes", [True, False])
def test_of_two_calls_with_one_token_the_second_changes_nothing(
    store: SqlStore, *, writes: bool
) -> None:
    first, second = Use(store, TOKEN), Use(store, TOKEN)
    with first.write() as tx:
        tx.audit.append("a.b", "x")
    if writes:
        with pytest.raises(TokenReplayed), second.write() as tx:
            tx.audit.append("a.b", "x")
    with pytest.raises(TokenReplayed):
        second.settle()
    assert events(store) == 1
