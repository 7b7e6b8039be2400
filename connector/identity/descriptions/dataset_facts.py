"""What a peer's dataset description says, as values. The writing side is `description.py`.

Rule: reads only descriptions whose signature verified, and refuses those that lack a statement;
a consumer decides on these facts before it negotiates, and compares them before it signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from connector.domain.catalog.dataset import Column, ColumnClass, PrivacyCap
from connector.errors import DescriptionTampered
from connector.identity import document as documents
from connector.identity.descriptions import dictionary
from connector.identity.descriptions.description import verify_description
from connector.identity.document import DidDocument
from connector.jsonld.kept import LARGEST
from federated.privacy.rule import ADD_OR_REMOVE_ONE, Rule
from federated.reading import MAX_BYTES, Member

_LINKED: Final = {  # property, and the member of its object that says the value
    "dpv:hasPurpose": "id",
    "dpv:hasLegalBasis": "id",
    "preau:retention": "@value",
}


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """A dataset as its provider describes it to others.

    Attributes:
        id: IRI.
        title: one line.
        description: free text; may be empty.
        publisher: DID.
        personal: whether it holds personal data.
        columns: in file order.
        person_column: column that identifies the person; may be empty.
        rows_per_person: most rows of one person.
        population: persons, rounded.
        collection_purpose: IRI; may be empty.
        legal_basis: IRI; may be empty.
        retention: ISO 8601 duration; may be empty.
        territory: ISO 3166 code; may be empty.
        cap: ε and δ per person over all agreements; None when none is stated.
        rule: how the ε of jobs adds up in a contract; None when none is stated. Neighbours differ
            by adding or removing one person, whether that is stated or not.
    """

    id: str
    title: str
    description: str
    publisher: str
    personal: bool
    columns: tuple[Column, ...]
    person_column: str
    rows_per_person: int
    population: int
    collection_purpose: str
    legal_basis: str
    retention: str
    territory: str
    cap: PrivacyCap | None
    rule: Rule | None = None

    @classmethod
    def of_columns(cls, name: str, columns: tuple[Column, ...]) -> DatasetFacts:
        """Return facts of which the columns alone are known, as of a dictionary in a file."""
        return cls(name, "", "", "", True, columns, "", 0, 0, "", "", "", "", None)  # noqa: FBT003

    @classmethod
    def undescribed(cls, name: str, publisher: str) -> DatasetFacts:
        """Return facts of a dataset that its publisher does not describe: it may be personal."""
        return replace(cls.of_columns(name, ()), publisher=publisher)


def verified(
    token: str, document: DidDocument, dataset_id: str
) -> tuple[Mapping[str, Any], DatasetFacts]:
    """Return what a dataset's description says, as JSON-LD and as values, once it verifies.

    Args:
        token: VC-JWT.
        document: DID document of the publisher.
        dataset_id: what it must describe.

    Raises:
        DescriptionTampered: as `verify_description`, or as `read_facts`.
    """
    find = _verified if len(token) <= LARGEST else _verified.__wrapped__
    return find(token, document.data, document.did, dataset_id)


@lru_cache(maxsize=32)
def _verified(
    token: str, document: bytes, did: str, dataset_id: str
) -> tuple[Mapping[str, Any], DatasetFacts]:
    """Of the same bytes, always the same answer: a description is read when asked and signed."""
    subject = verify_description(token, documents.read(document, did), dataset_id)
    return MappingProxyType(subject), read_facts(subject)


def read_facts(subject: Mapping[str, Any]) -> DatasetFacts:
    """Read the subject of a verified dataset description.

    Raises:
        DescriptionTampered: it is not a dataset's, or a statement is missing or ill-typed.
    """
    part = Member(subject, _refusal).fields(
        *("id", "dct:title", "schema:description", "dct:publisher", "preau:governance"),
        others=True,
    )
    governance = part["preau:governance"].fields(
        *("preau:personalData", "preau:column", "preau:personColumn", "preau:rowsPerPerson"),
        "preau:roundedPopulation",
        maybe=("preau:cap", "preau:accounting", *_LINKED, "dct:spatial"),
        others=True,
    )
    columns = governance["preau:column"].child("@list").items(most=MAX_BYTES)
    linked = {
        name: governance[name].child(member).content() if name in governance else ""
        for name, member in _LINKED.items()
    }
    return DatasetFacts(
        id=part["id"].content(),
        title=part["dct:title"].content(),
        description=part["schema:description"].content(),
        publisher=part["dct:publisher"].child("id").content(),
        personal=governance["preau:personalData"].flag(),
        columns=tuple(map(_column, columns)),
        person_column=governance["preau:personColumn"].content(),
        rows_per_person=governance["preau:rowsPerPerson"].integer(),
        population=governance["preau:roundedPopulation"].integer(),
        collection_purpose=linked["dpv:hasPurpose"],
        legal_basis=linked["dpv:hasLegalBasis"],
        retention=linked["preau:retention"],
        territory=governance["dct:spatial"].content() if "dct:spatial" in governance else "",
        cap=_cap(governance["preau:cap"]) if "preau:cap" in governance else None,
        rule=_rule(governance["preau:accounting"]) if "preau:accounting" in governance else None,
    )


def _refusal(pointer: str, fault: str) -> DescriptionTampered:
    return DescriptionTampered(f"description {pointer or '/'}: {fault}")


def _column(member: Member) -> Column:
    part = member.fields(
        *("preau:name", "preau:columnClass", "preau:datatype"),
        maybe=("dct:description",),
        others=True,
    )
    datatype = part["preau:datatype"].content()
    return Column(
        name=part["preau:name"].content(),
        kind=ColumnClass(part["preau:columnClass"].exactly(*ColumnClass)),
        datatype=datatype,
        description=part["dct:description"].content() if "dct:description" in part else "",
        meaning=dictionary.read(member, datatype),
    )


def _cap(member: Member) -> PrivacyCap:
    part = member.fields("preau:epsilon", "preau:delta", others=True)
    delta = part["preau:delta"].number(above=0, most=1)
    if delta == 1:
        part["preau:delta"].refuse("must be below 1")
    return PrivacyCap(part["preau:epsilon"].number(above=0), delta)


def _rule(member: Member) -> Rule:
    part = member.fields("preau:rule", "preau:adjacency", others=True)
    part["preau:adjacency"].exactly(ADD_OR_REMOVE_ONE)
    return Rule(part["preau:rule"].exactly(*Rule))
