"""What the node does in each case of the kit, and under which ids.

Each script is a list of steps: in the named state, which a message of the kit or its answer to
ours brought about, the named acts follow one after another. A step is passed once; where no step
is left, or its state is not reached, nothing is done. The two cases that the kit leaves out are
here too.

Source: Dataspace Protocol conformance kit, its cases and its sample configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connector.domain.contract.negotiation import Role

KIT: Final = "TCK_PARTICIPANT"  # how the kit calls itself
KIT_DID: Final = "did:web:kit.example"  # what it is for this node
NEGOTIATIONS: Final = "negotiations"
TRANSFERS: Final = "transfers"
FORMAT: Final = "HttpData-PULL"
Step = tuple[str, tuple[str, ...]]  # state, acts

_NEGOTIATED: Final[Mapping[str, str]] = {
    # The node is the provider.
    "CN:01-01": "REQUESTED offer",
    "CN:01-02": "REQUESTED offer, REQUESTED terminate",
    "CN:01-03": "REQUESTED offer, ACCEPTED answer, VERIFIED answer",
    "CN:01-04": "REQUESTED answer, VERIFIED answer",
    "CN:02-01": "REQUESTED terminate",
    "CN:02-02": "",
    "CN:02-03": "REQUESTED answer",
    "CN:02-04": "REQUESTED offer",
    "CN:02-05": "REQUESTED offer terminate",
    "CN:02-06": "REQUESTED offer, ACCEPTED terminate",
    "CN:02-07": "REQUESTED answer, VERIFIED terminate",
    "CN:03-01": "REQUESTED answer, VERIFIED answer",
    "CN:03-02": "REQUESTED offer",
    "CN:03-03": "REQUESTED offer",
    "CN:03-04": "REQUESTED offer",
    # The node is the consumer.
    "CN_C:01-01": "OFFERED answer, AGREED answer",
    "CN_C:01-02": "OFFERED counter",
    "CN_C:01-03": "OFFERED terminate",
    "CN_C:01-04": "AGREED answer",
    "CN_C:02-01": "",
    "CN_C:02-02": "REQUESTED terminate",
    "CN_C:02-03": "AGREED terminate",
    "CN_C:02-04": "",
    "CN_C:02-05": "OFFERED answer",
    "CN_C:02-06": "AGREED answer",
    "CN_C:03-01": "",
    "CN_C:03-02": "",
    "CN_C:03-03": "",
    "CN_C:03-04": "OFFERED answer",
    "CN_C:03-05": "OFFERED answer",
    "CN_C:03-06": "OFFERED answer",
}
_TRANSFERRED: Final[Mapping[str, str]] = {
    # The node is the provider.
    "TP:01-01": "REQUESTED start terminate",
    "TP:01-02": "REQUESTED start complete",
    "TP:01-03": "REQUESTED start suspend terminate",
    "TP:01-04": "REQUESTED start suspend resume complete",
    "TP:01-05": "REQUESTED terminate",
    "TP:02-01": "REQUESTED start",
    "TP:02-02": "REQUESTED start",
    "TP:02-03": "REQUESTED start",
    "TP:02-04": "REQUESTED start",
    "TP:02-05": "",
    "TP:03-01": "",
    "TP:03-02": "",
    "TP:03-03": "REQUESTED start",
    "TP:03-04": "REQUESTED start",
    "TP:03-05": "REQUESTED start",
    "TP:03-06": "REQUESTED start",
    # The node is the consumer.
    "TP_C:01-01": "",
    "TP_C:01-02": "",
    "TP_C:01-03": "",
    "TP_C:01-04": "",
    "TP_C:01-05": "",
    "TP_C:02-01": "STARTED terminate",
    "TP_C:02-02": "STARTED complete",
    "TP_C:02-03": "STARTED suspend terminate",
    "TP_C:02-04": "STARTED suspend resume complete",
    "TP_C:02-05": "REQUESTED terminate",
    "TP_C:03-01": "",
    "TP_C:03-02": "",
    "TP_C:03-03": "",
    "TP_C:03-04": "",
    "TP_C:03-05": "",
    "TP_C:03-06": "",
}
SCRIPTS: Final[Mapping[str, str]] = {**_NEGOTIATED, **_TRANSFERRED}
SHOWN: Final = ("CAT:01-01", "CAT:01-02")  # datasets of the catalog; that of CAT:01-03 is unknown
UNKNOWN: Final = "CAT:01-03"
LEFT_OUT: Final = frozenset({"TP:02-04", "TP_C:02-04"})  # disabled in the kit
# The kit names these in its code, whatever its properties say.
_FIXED: Final = {"CN_01_02_DATASETID": "ACN0102", "CN_01_02_OFFERID": "CD123:ACN0102:456"}


@dataclass(frozen=True, slots=True)
class Case:
    """A case of the kit.

    Attributes:
        name: such as `CN_C:01-02`.
        about: id of the dataset, or of the agreement of a transfer.
        offer: id of the offer; empty of a transfer.
        steps: of its script.
    """

    name: str
    about: str
    offer: str
    steps: tuple[Step, ...]

    @property
    def kind(self) -> str:
        return TRANSFERS if self.name.startswith("TP") else NEGOTIATIONS

    @property
    def role(self) -> Role:
        """That of the node."""
        return Role.CONSUMER if self.name.partition(":")[0].endswith("_C") else Role.PROVIDER

    @property
    def key(self) -> tuple[str, Role, str]:
        """By which its script is found."""
        return self.kind, self.role, self.about


class ScriptsDiffer(Exception):
    """One id is given to two cases that do not go on alike."""


def cases(given: Mapping[str, str]) -> dict[str, Case]:
    """Return the cases by name, those without a script too.

    Args:
        given: properties of the kit; what they leave out is as in its sample configuration.

    Raises:
        ScriptsDiffer: one dataset or agreement would need two scripts.
    """
    found = {name: _case(name, {**given, **_FIXED}) for name in (*SHOWN, UNKNOWN, *SCRIPTS)}
    seen: dict[tuple[str, Role, str], Case] = {}
    for each in (found[name] for name in SCRIPTS):
        other = seen.setdefault(each.key, each)
        if other.steps != each.steps:
            reason = f"`{each.about}` is given to {other.name} and {each.name}, which differ"
            raise ScriptsDiffer(reason)
    return found


def properties(found: Mapping[str, Case]) -> Iterator[tuple[str, str]]:
    """Yield the kit's properties that name ids."""
    for each in found.values():
        prefix = _prefix(each.name)
        if each.kind == TRANSFERS:
            yield f"{prefix}AGREEMENTID", each.about
            yield f"{prefix}FORMAT", FORMAT
        else:
            yield f"{prefix}DATASETID", each.about
            if each.offer:
                yield f"{prefix}OFFERID", each.offer


def _case(name: str, given: Mapping[str, str]) -> Case:
    steps = tuple(_step(part) for part in SCRIPTS.get(name, "").split(",") if part)
    group, _, number = name.replace("-", "").partition(":")
    letters, prefix = group.replace("_", ""), _prefix(name)
    if letters == "CAT":
        dataset = given.get(f"{prefix}DATASETID", letters + number)
        offer = "" if name == UNKNOWN else f"CD123:{dataset}:456"
        return Case(name, dataset, offer, steps)
    about = f"A{letters}{number}"
    if letters.startswith("TP"):
        return Case(name, given.get(f"{prefix}AGREEMENTID", about), "", steps)
    dataset = given.get(f"{prefix}DATASETID", about)
    return Case(name, dataset, given.get(f"{prefix}OFFERID", f"CD123:{dataset}:456"), steps)


def _step(text: str) -> Step:
    state, *acts = text.split()
    return state, tuple(acts)


def _prefix(name: str) -> str:
    return name.replace(":", "_").replace("-", "_") + "_"
