"""What a peer's dataset description says, as values. The writing side is `description.py`.

Rule: reads only descriptions whose signature verified, and refuses those that lack a statement;
a consumer decides on these facts before it negotiates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.domain.dataset import Column, ColumnClass, PrivacyCap
from connector.errors import DescriptionTampered
from federated.privacy.rule import ADD_OR_REMOVE_ONE, Rule


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


def read_facts(subject: Mapping[str, Any]) -> DatasetFacts:
    """Read the subject of a verified dataset description.

    Raises:
        DescriptionTampered: it is not a dataset's, or a statement is missing or ill-typed.
    """
    try:
        return _read(subject)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DescriptionTampered("the description is not a complete one of a dataset") from exc


def _read(subject: Mapping[str, Any]) -> DatasetFacts:
    governance = subject["preau:governance"]
    cap = governance.get("preau:cap")
    return DatasetFacts(
        id=_text(subject["id"]),
        title=_text(subject["dct:title"]),
        description=_text(subject["schema:description"]),
        publisher=_text(subject["dct:publisher"]["id"]),
        personal=_flag(governance["preau:personalData"]),
        columns=tuple(_column(item) for item in governance["preau:column"]["@list"]),
        person_column=_text(governance["preau:personColumn"]),
        rows_per_person=_count(governance["preau:rowsPerPerson"]),
        population=_count(governance["preau:roundedPopulation"]),
        collection_purpose=_linked(governance, "dpv:hasPurpose", "id"),
        legal_basis=_linked(governance, "dpv:hasLegalBasis", "id"),
        retention=_linked(governance, "preau:retention", "@value"),
        territory=_text(governance.get("dct:spatial", "")),
        cap=_cap(cap) if cap is not None else None,
        rule=_rule(governance["preau:accounting"]) if "preau:accounting" in governance else None,
    )


def _column(item: Mapping[str, Any]) -> Column:
    return Column(
        name=_text(item["preau:name"]),
        kind=ColumnClass(item["preau:columnClass"]),
        datatype=_text(item["preau:datatype"]),
        description=_text(item.get("dct:description", "")),
    )


def _cap(node: Mapping[str, Any]) -> PrivacyCap:
    epsilon, delta = float(node["preau:epsilon"]), float(node["preau:delta"])
    if not (0 < epsilon < float("inf") and 0 < delta < 1):
        raise ValueError("cap")
    return PrivacyCap(epsilon, delta)


def _rule(node: Mapping[str, Any]) -> Rule:
    if node["preau:adjacency"] != ADD_OR_REMOVE_ONE:
        raise ValueError("adjacency")
    return Rule(node["preau:rule"])


def _linked(node: Mapping[str, Any], name: str, member: str) -> str:
    return _text(node[name][member]) if name in node else ""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("flag")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("count")
    return value
