"""Two nodes in two spaces, over real HTTPS and gRPC: each space judges its own contracts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.domain.federation.frames import Hello, Round
from connector.domain.federation.job import JobSite
from connector.domain.space import Space
from connector.errors import CredentialRevoked, MembershipRequired, SpaceUnstated
from connector.peer.site_stream import GrpcSiteStream
from connector.protocol.transfer_messages import TransferAccess
from connector.services.membership import onboard
from connector.services.membership.belonging import space_of
from connector.services.messages import deliver
from connector.services.transfer import consumer_side, provider_side
from tests.support.live_space import LiveAuthority, LiveSpace, Node, live_space
from tests.support.transferring import agreed, answering, prepared

JOBS = {name: f"urn:uuid:00000000-0000-4000-8000-00000000000{name}" for name in "ab"}
EXTRACTS = {name: f"urn:uuid:00000000-0000-4000-8000-00000000e00{name}" for name in "ab"}
DIGEST = "ab" * 32


@dataclass
class Two:
    """Authorities `one` and `two`; `school` and `lab` are members of both, `other` of two alone."""

    live: LiveSpace
    one: LiveAuthority
    two: LiveAuthority
    school: Node
    lab: Node
    other: Node


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with live_space(tmp_path) as live:
        second = LiveAuthority(tmp_path / "second", live.web, "second")
        live.stack.callback(second.close)
        second.start()
        further = (Space(second.did, (second.did,), name="two"),)
        both = [live.add(name, spaces=further) for name in ("school", "lab")]
        for node in both:
            node.join_space(second)
        alone = {"space": second.did, "trusted_issuers": (second.did,)}
        other = live.add("other", member=False, **alone)
        other.join_space(second)
        answering(*both, other)
        yield Two(live, live.authority, second, *both, other)


def deal(one: Node, other: Node, authority: LiveAuthority) -> None:
    """Let the operators of both choose a space for each other."""
    space = one.settings.space_called(authority.did)
    with pytest.MonkeyPatch.context() as patch:  # the other chooses later, and refuses until then
        patch.setattr(onboard.introducing, "introduce", lambda *_: None)
        onboard.meet(one.ports, other.did, space)
    onboard.meet(other.ports, one.did, space)


def begun(school: Node, lab: Node, name: str, space: str) -> GrpcSiteStream:
    """Begin a transfer under a contract of a space, and a job of which lab is a site."""
    agreed(school.ports, lab.ports, f"urn:{name}", space=space)
    prepared(school.ports, lab.ports, name=EXTRACTS[name], agreement_id=f"urn:{name}")
    consumer_side.request(lab.ports, f"urn:{name}", EXTRACTS[name])
    for node in (lab, school):
        deliver.deliver_due(node.ports)
    with school.ports.store.write() as tx:
        tx.sites.put(JobSite(JOBS[name], lab.did, f"urn:{name}", "accepted"))
    school.hub.open(JOBS[name], DIGEST, [lab.did])
    return lab.wire.participate(lab.known(school.did), Hello(JOBS[name], DIGEST))


def transfer(node: Node, name: str) -> str:
    with node.ports.store.read() as tx:
        (found,) = tx.transfers.find(agreement_id=f"urn:{name}")
    return found.pid


def pulled(lab: Node, name: str) -> TransferAccess:
    return consumer_side.access(lab.ports, transfer(lab, name))[0]


def test_the_only_space_of_both_is_found_and_of_two_one_is_chosen(two: Two) -> None:
    onboard.meet(two.school.ports, two.other.did)
    assert space_of(two.school.ports, two.other.did).id == two.two.did
    assert space_of(two.other.ports, two.school.did).id == two.two.did
    with pytest.raises(SpaceUnstated, match="is a member of 2 spaces"):
        onboard.meet(two.school.ports, two.lab.did)
    with pytest.raises(MembershipRequired, match="does not present a membership of"):
        onboard.meet(two.school.ports, two.other.did, two.school.settings.spaces[0])
    deal(two.school, two.lab, two.two)
    assert space_of(two.school.ports, two.lab.did).id == two.two.did
    assert two.school.known(two.lab.did).membership == two.lab.further[two.two.did]
    onboard.reacquaint(two.school.ports, two.lab.did)  # what was chosen stays
    assert space_of(two.school.ports, two.lab.did).id == two.two.did
    deal(two.school, two.lab, two.one)
    assert two.school.known(two.lab.did).membership == two.lab.membership


def test_revoked_in_one_space_only(two: Two) -> None:
    school, lab = two.school, two.lab
    deal(school, lab, two.one)
    onboard.meet(school.ports, two.other.did)
    space = {"a": two.one.did, "b": two.two.did}
    streams = {name: begun(school, lab, name, space[name]) for name in "ab"}
    assert all(stream.receive(0) is None for stream in streams.values())
    for name in "ab":
        assert provider_side.judge(school.ports, transfer(school, name), lab.did)

    two.one.revoke(lab.did)
    assert onboard.refresh(school.ports) == [lab.did]
    assert school.face.grpc is not None
    school.face.grpc.streams.judge_again()

    with pytest.raises(CredentialRevoked):
        provider_side.judge(school.ports, transfer(school, "a"), lab.did)
    assert provider_side.judge(school.ports, transfer(school, "b"), lab.did)
    with pytest.raises(CredentialRevoked):
        streams["a"].receive(10)
    assert school.hub.send(JOBS["b"], lab.did, Round(1, (), b"model"))
    assert streams["b"].receive(10) == Round(1, (), b"model")
    # Its calls are answered for the contract of the other space; nothing new begins in this one.
    assert pulled(lab, "b").url.startswith("https://")
    with pytest.raises(CredentialRevoked):
        pulled(lab, "a")
    with pytest.raises(CredentialRevoked):
        onboard.judge(school.ports, lab.did)
    assert onboard.judge(school.ports, two.other.did).did == two.other.did
