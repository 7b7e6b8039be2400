"""Keys that are rotated between live nodes: real processes, killed at each step on the way.

No contract, no call and no evidence is lost: what the old keys signed still verifies, also by the
key of the authority that a member has pinned.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from space import Node

from tests.support.command import preau, short_folder, step
from tests.support.drill import wait_for
from tests.support.restore_drill import PATIENCE, Pair, pair

pytestmark = pytest.mark.timeout(600)


def keys(node: Node, use: str) -> dict[str, str]:
    """Return how each key of a use stands, by its file."""
    listed = step("keys", "list", "--home", str(node.home))
    return {each["name"]: each["standing"] for each in listed if each["use"] == use}


def killed(node: Node) -> None:
    """End a node as a power cut would, and start it again."""
    os.kill(node.pid, signal.SIGKILL)
    node.stop()
    node.start()


def verified(node: Node, agreement: str, pinned_by: Path) -> dict[str, object]:
    """Return the verdict on a contract's evidence, with no node asked."""
    file = node.home / "evidence.json"
    with node.client() as client:
        file.write_bytes(client.evidence(agreement))
    done = preau("audit", "verify", str(file), "--pinned-by", str(pinned_by), "--json")
    return {"code": done.code, **done.value}


def test_no_rotation_cuts_nodes_off_or_ends_what_was_signed() -> None:
    with short_folder() as folder, pair(folder) as two:
        two.negotiate()
        first = two.agreement
        the_tls_authority_is_rotated(two)
        the_signing_key_is_rotated(two)
        for node in (two.school, two.lab):
            for agreement in (first, two.agreement):
                verdict = verified(node, agreement, two.lab.home)
                assert verdict["code"] == 0, verdict


def the_tls_authority_is_rotated(two: Pair) -> None:
    school = two.school
    made = step("keys", "rotate", "tls-ca", "--home", str(school.home))["name"]
    killed(school)  # before any peer was told
    assert wait_for(school, lambda _: keys(school, "tls-ca")[made] == "in use", PATIENCE)
    assert sorted(keys(school, "tls-ca").values()) == ["in use", "still trusted"]
    killed(school)  # while both count
    two.negotiate()


def the_signing_key_is_rotated(two: Pair) -> None:
    school = two.school
    made = step("keys", "rotate", "signing", "--home", str(school.home))["name"]
    killed(school)  # before the authority has heard of it
    assert keys(school, "signing")[made] == "announced"
    with two.lab.client() as lab:
        assert lab.catalog(school.did)  # under the old key
    with two.space.authority.client() as authority:
        authority.admit(school.did, name=school.name)
    with school.client() as client:
        client.membership(refresh=True)
    killed(school)
    assert keys(school, "signing")[made] == "in use"
    two.negotiate()
