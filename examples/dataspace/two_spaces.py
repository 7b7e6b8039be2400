"""A lab in two data spaces: a contract in each, and then one space revokes it.

Two authorities, a school of the first space, a hospital of the second, and a lab that is a member
of both; each is a node of its own, and everything goes through the command and its API. The same
terms are offered in both spaces, for the members of each. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import space as spaces
from space import Node, Space

from connector.errors import PreauError

CONTEXT = [
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
]
PROFILE = "https://w3id.org/preau/odrl/v1"
RESEARCH = "https://w3id.org/dpv#AcademicResearch"
ROWS = "territory,year,persons\nFR-75,2024,1200\nFR-69,2024,640\nFR-13,2024,780\n"
PULLED = "3 rows"
HTTPS = {"dsp_path": "/dsp/2025-1"}  # speaks the Dataspace Protocol over HTTPS
SECONDS = 60.0


@dataclass
class Cast:
    """Who takes part.

    Attributes:
        schools: the first space.
        health: the second.
        school: a member of the first.
        hospital: a member of the second.
        lab: a member of both.
    """

    schools: Space
    health: Space
    school: Node
    hospital: Node
    lab: Node

    @property
    def provided(self) -> dict[str, tuple[Node, Space]]:
        """Who provides in which space, by the name of its dataset."""
        return {
            "urn:school:pupils": (self.school, self.schools),
            "urn:hospital:stays": (self.hospital, self.health),
        }


def main() -> int:
    """Run the story; return 0 when it went as it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--out", type=Path, default=Path("demo-output"))
    out = parser.parse_args().out.absolute() / "dataspace"
    found = run(out)
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0 if found["ok"] else 1


def run(folder: Path, **how: Callable[..., Any]) -> dict[str, Any]:
    """Tell the whole story in a folder, and return what became of it.

    Args:
        folder: of all nodes.
        how: `run`, `port` and `serve` of `space.space`.
    """
    with cast(folder, **how) as made:
        publish(made, folder)
        contracts = negotiate(made)
        before = pull(made, contracts, folder / "before")
        revoke(made)
        after = pull(made, contracts, folder / "after")
        standing = memberships(made)
    first, second = contracts
    return {
        "contracts": {name: space for name, (_, space) in contracts.items()},
        "before": before,
        "after": after,
        "standing": standing,
        "ok": before == {first: PULLED, second: PULLED}
        and after == {first: "CREDENTIAL_REVOKED", second: PULLED},
    }


@contextmanager
def cast(folder: Path, **how: Callable[..., Any]) -> Iterator[Cast]:
    """Make two spaces and their nodes; the lab joins both."""
    with (
        spaces.space(folder / "schools", "Espace des écoles", **how) as schools,
        spaces.space(folder / "health", "Espace santé", **how) as health,
    ):
        roots = trust(folder / "roots.pem", schools.authority, health.authority)
        more = {"web-roots": str(roots)}
        second = f"health={health.authority.did}"
        lab = schools.node("Laboratoire", settings=HTTPS, **more, **{"further-space": second})
        with health.authority.client() as authority:
            authority.admit(lab.did, name=lab.name)
        with lab.client() as client:
            client.membership(space="health", refresh=True)
        school = schools.node("Ecole", **more)
        hospital = health.node("Hopital", settings=HTTPS, **more)
        yield Cast(schools, health, school, hospital, lab)


def trust(roots: Path, *authorities: Node) -> Path:
    """Let all read certificates of both spaces, which each issue those of their members.

    With ordinary web certificates nothing of this is needed.
    """
    known = [each.home / "keys/web-ca.pem" for each in authorities]
    roots.write_text("".join(file.read_text() for file in known))
    for each in authorities:
        each.stop()
        spaces.state(each.home, {"web_roots": str(roots)})
        each.start()
    return roots


def publish(made: Cast, folder: Path) -> None:
    """Let both providers publish figures under the same terms, for the members of their space."""
    until = datetime.now(UTC) + timedelta(days=365)
    for name, (node, space) in made.provided.items():
        file = folder / f"{node.home.name}.csv"
        file.write_text(ROWS)
        with node.client() as client:
            client.publish(description(name, file, terms(name, space.authority.did, until)))


def negotiate(made: Cast) -> dict[str, tuple[str, str]]:
    """Let the lab conclude a contract in each space; return its id and its space by dataset.

    With the school it speaks gRPC, as Préau nodes do; with the hospital the Dataspace Protocol over
    HTTPS, where its Decentralized Claims say who it is.
    """
    found = {}
    with made.lab.client() as lab:
        for name, (node, _) in made.provided.items():
            https = node is made.hospital
            opened = lab.negotiate(node.did, name, offer=f"{name}:offer", https=https)
            ended = lab.await_negotiation(opened.pid)
            found[name] = (ended.agreement, lab.agreement(ended.agreement).space)
    return found


def pull(made: Cast, contracts: dict[str, tuple[str, str]], folder: Path) -> dict[str, str]:
    """Let the lab fetch the data of each contract; return how many rows, or the refusal."""
    found = {}
    with made.lab.client() as lab:
        for at, (name, (agreement, _)) in enumerate(contracts.items()):
            place = folder / str(at)
            place.mkdir(parents=True)
            try:
                got = lab.get(agreement, place, format="csv", seconds=SECONDS).arrow()
                found[name] = f"{got.num_rows} rows"
            except PreauError as exc:
                found[name] = exc.code
    return found


def revoke(made: Cast) -> None:
    """Let the first authority revoke the lab, and the providers learn of it.

    A running node looks at the lists every five minutes (`status_refresh_seconds`), and when it
    starts.
    """
    with made.schools.authority.client() as authority:
        authority.revoke(made.lab.did, "left the space")
    for node in (made.school, made.hospital):
        node.stop()
        node.start()


def memberships(made: Cast) -> list[str]:
    """Return how the lab stands in its spaces, by its own node."""
    with made.lab.client() as lab:
        lab.membership(space="health", refresh=True)
        return [each.space for each in lab.memberships()]


def terms(name: str, space: str, until: datetime) -> dict[str, Any]:
    """Return the offer of a dataset: to be read for research, by members of a space."""
    return {
        "@context": CONTEXT,
        "@id": f"{name}:offer",
        "@type": "Offer",
        "profile": PROFILE,
        "permission": [
            {
                "action": "odrl:read",
                "constraint": [
                    _constraint("odrl:purpose", "isA", {"@id": RESEARCH}),
                    _constraint(f"{PROFILE}#membership", "eq", {"@id": space}),
                    _constraint("odrl:dateTime", "lteq", _time(until)),
                ],
            }
        ],
    }


def description(name: str, file: Path, offer: dict[str, Any]) -> dict[str, Any]:
    """Return what a provider says of its figures, which are of no person."""
    return {
        "id": name,
        "title": f"Figures of {name}",
        "personal": False,
        "file": {"path": str(file), "format": "csv"},
        "columns": [
            {"name": "territory", "class": "other", "datatype": "category"},
            {"name": "year", "class": "other", "datatype": "number"},
            {"name": "persons", "class": "other", "datatype": "number"},
        ],
        "territory": "FR",
        "offer": offer,
    }


def _constraint(operand: str, operator: str, value: dict[str, str]) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def _time(value: datetime) -> dict[str, str]:
    return {"@value": value.strftime("%Y-%m-%dT%H:%M:%SZ"), "@type": "xsd:dateTime"}


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


if __name__ == "__main__":
    sys.exit(main())
