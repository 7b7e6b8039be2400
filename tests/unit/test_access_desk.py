"""The gate to the services: roles, the record of who did what, and two persons for two roles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connector.domain.account import Account, AccountRole
from connector.domain.contract.approval import Approval
from connector.errors import (
    AccountTaken,
    LoginRefused,
    Malformed,
    NotFound,
    NotPermitted,
    RoleForbidden,
)
from connector.identity import passwords
from connector.jsonld.canonical import parse_object
from connector.ports import Ports
from connector.services.access import accounts, decisions, rights
from connector.services.access.desk import Desk
from connector.services.approval import deciding
from connector.services.negotiation import agree
from tests.support.console import PASSWORD
from tests.support.doubles import NOON, ports_for_tests
from tests.support.each import over


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return ports_for_tests(tmp_path)


def made(ports: Ports, *roles: str, reviews: tuple[str, ...] = (), name: str = "ada") -> Account:
    return accounts.add(ports, name, roles, reviews, PASSWORD)


def entries(ports: Ports) -> list[dict[str, object]]:
    with ports.store.read() as tx:
        return [parse_object(each.event) for each in tx.audit.entries()]


def test_a_service_is_done_for_the_roles_that_it_is_for(ports: Ports) -> None:
    auditor, steward = made(ports, "auditor"), made(ports, "steward", name="bob")
    assert Desk(ports, auditor).do(agree.agreements).values == ()
    assert not Desk(ports, auditor).may(decisions.accept)
    with pytest.raises(NotPermitted, match="`add` is not for the roles"):
        Desk(ports, steward).do(accounts.add, "eve", ["operator"], [], PASSWORD)
    assert entries(ports)[-1]["subject"] == steward.id
    assert entries(ports)[-1]["facts"] == {"code": "NOT_PERMITTED", "command": "add"}


def test_what_nobody_was_given_is_done_for_nobody(ports: Ports) -> None:
    everything = made(ports, *AccountRole)
    assert not Desk(ports, everything).may(accounts.enter)
    with pytest.raises(NotPermitted):
        Desk(ports, everything).do(accounts.enter, "ada", PASSWORD)


def test_each_service_is_for_somebody_and_no_command_is_for_everybody() -> None:
    for service in rights.services():
        right = rights.right_of(service)
        assert right is not None
        assert right.roles
        assert not (right.command and right.roles == rights.ALL), service


def test_who_only_reads_reaches_no_command_and_writes_nothing(ports: Ports) -> None:
    operator = made(ports, "operator")
    reading = Desk(ports, operator, reads=True)
    assert reading.may(accounts.add)
    assert len(reading.do(accounts.page).values) == 1
    with pytest.raises(RuntimeError, match="`add` stands behind a page that reads"):
        reading.do(accounts.add, "eve", ["steward"], [], PASSWORD)
    assert entries(ports)[-1]["kind"] == "account.made"
    with pytest.raises(RuntimeError, match="no command writes"):
        _listed_as_reading(Desk(ports, operator), accounts.add)
    assert len(reading.do(accounts.page).values) == 1


def _listed_as_reading(desk: Desk, service: Callable[..., object]) -> None:
    """Call a service as if the table of rights had it for one that changes nothing."""
    everybody = rights.Right(rights.ALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(rights._RIGHTS, service, everybody)
        desk.do(service, "eve", ["steward"], [], PASSWORD)


def test_what_an_account_does_is_in_the_log_with_its_pseudonym(ports: Ports) -> None:
    operator = made(ports, "operator")
    Desk(ports, operator).do(accounts.add, "eve", ["steward"], [], PASSWORD)
    assert entries(ports)[-1]["kind"] == "account.made"
    assert entries(ports)[-1]["facts"]["account"] == operator.id  # type: ignore[index]
    with pytest.raises(AccountTaken):
        Desk(ports, operator).do(accounts.add, "eve", ["steward"], [], PASSWORD)
    assert entries(ports)[-1]["facts"] == {"code": "ACCOUNT_TAKEN", "command": "add"}


def test_an_act_that_no_service_notes_is_in_the_log_once(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(ports: Ports) -> None:
        with ports.store.write():
            pass

    def noting(ports: Ports) -> None:
        with ports.store.write() as tx:
            tx.audit.append("odd.kind", "urn:x")

    operator = made(ports, "operator")
    done = rights.Right(rights.ALL, command=True)
    for service in (nothing, noting):
        monkeypatch.setitem(rights._RIGHTS, service, done)
        Desk(ports, operator).do(service)
    first, second = entries(ports)[-2:]
    assert (first["kind"], first["subject"]) == ("command.done", operator.id)
    assert first["facts"] == {"command": "nothing"}
    assert (second["kind"], second["facts"]) == ("odd.kind", {"account": operator.id})


def test_one_account_does_not_accept_in_two_roles() -> None:
    asked = Approval(
        id="urn:a",
        peer="did:web:lab.example",
        dataset_id="urn:d",
        roles=("dpo", "head"),
        asked_at=NOON,
        remind_at=NOON,
        lapses_at=NOON,
    )
    once = asked.accepted_by("dpo", "", "urn:account")
    assert once.missing == ("head",)
    with pytest.raises(RoleForbidden, match="in another role"):
        once.accepted_by("head", "", "urn:account")
    assert once.accepted_by("head", "", "urn:other").missing == ()
    assert once.accepted_by("head", "").missing == ()


def test_an_account_decides_in_its_own_roles_alone(ports: Ports) -> None:
    approver = made(ports, "approver", reviews=("dpo",))
    for act in (decisions.accept, decisions.refuse):
        with pytest.raises(NotPermitted, match="`head`"):
            act(ports, approver, "urn:none", "head", "a reason")
        with pytest.raises(NotFound):
            act(ports, approver, "urn:none", "dpo", "a reason")
    assert Desk(ports, approver).may(deciding.approvals)


@over(("name", "roles", "reviews", "password"), [
        ("Ada", ["operator"], [], PASSWORD), ("", ["operator"], [], PASSWORD),
        ("a b", ["operator"], [], PASSWORD), ("ada", [], [], PASSWORD),
        ("ada", ["king"], [], PASSWORD), ("ada", ["operator"], ["dpo"], PASSWORD),
        ("ada", ["approver"], ["D P O"], PASSWORD), ("ada", ["operator"], [], "short"),
        ("ada", ["operator"], [], "x" * 257), ("adalovelace00", ["operator"], [], "ADALOVELACE00"),
    ])  # fmt: skip
def test_accounts_that_are_not_made(
    ports: Ports, name: str, roles: list[str], reviews: list[str], password: str
) -> None:
    with pytest.raises(Malformed) as caught:
        accounts.add(ports, name, roles, reviews, password)
    assert password not in caught.value.reason or not password


def test_who_is_changed_while_the_password_is_looked_at_stays_so(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(ports, "operator")
    looked_at, fits = list[str](), passwords.fits

    def slowly(kept: str, typed: str) -> bool:
        accounts.close(ports, "ada")
        looked_at.append(typed)
        return fits(kept, typed)

    monkeypatch.setattr(passwords, "is_old", bool)  # of parameters of before: hashed anew
    first = accounts.enter(ports, "ada", PASSWORD)
    assert accounts.account(ports, "ada").password != first.password
    monkeypatch.setattr(passwords, "fits", slowly)
    with pytest.raises(LoginRefused):
        accounts.enter(ports, "ada", PASSWORD)
    assert looked_at == [PASSWORD]
    assert accounts.account(ports, "ada").closed
    kinds = [str(each["kind"]) for each in entries(ports)]
    assert kinds[-3:] == ["account.entered", "account.closed", "account.refused"]


def test_a_password_is_kept_as_a_hash_and_can_be_changed(ports: Ports) -> None:
    first = made(ports, "operator")
    assert first.password.startswith("$argon2id$")
    assert PASSWORD not in repr(first)
    changed = accounts.change(ports, "ada", password="another long one")
    assert changed.password != first.password
    with pytest.raises(LoginRefused):
        accounts.enter(ports, "ada", PASSWORD)
    assert accounts.enter(ports, "ada", "another long one").id == first.id
