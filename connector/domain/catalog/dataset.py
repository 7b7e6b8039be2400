"""Datasets as their provider describes them, and offers made for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connector.domain.catalog.dictionary import NOTHING_STATED, Meaning
from connector.domain.catalog.review import Decision, Review
from connector.domain.catalog.source import NO_SOURCE, Source
from connector.domain.layer import LayerName


class ColumnClass(StrEnum):
    """What a column says about a person."""

    DIRECT_IDENTIFIER = "direct identifier"
    QUASI_IDENTIFIER = "quasi-identifier"
    SENSITIVE = "sensitive"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset.

    Attributes:
        name: as in the file's header.
        kind: its class towards persons.
        datatype: `number` or `category`.
        description: one line; may be empty.
        meaning: what the dictionary says of its values; public.
    """

    name: str
    kind: ColumnClass
    datatype: str
    description: str = ""
    meaning: Meaning = NOTHING_STATED


@dataclass(frozen=True, slots=True)
class PrivacyCap:
    """Most that all agreements on a register may spend per person.

    Attributes:
        epsilon: ε, > 0.
        delta: δ, in (0, 1).
    """

    epsilon: float
    delta: float

    def above(self, other: PrivacyCap) -> bool:
        """Whether this one allows more than another in ε or δ."""
        return self.epsilon > other.epsilon or self.delta > other.delta

    def smaller(self, other: PrivacyCap | None) -> PrivacyCap:
        """Return what neither cap exceeds; no cap limits nothing."""
        if other is None:
            return self
        return PrivacyCap(min(self.epsilon, other.epsilon), min(self.delta, other.delta))


@dataclass(frozen=True, slots=True)
class DataFile:
    """Where the rows are that every use reads. Never leaves the node.

    Attributes:
        path: absolute path on the provider's machine, of the file or of the snapshot of its source.
        format: `csv` or `parquet`.
        digest: SHA-256 of the file when it was published, hex.
        source: what the snapshot is taken from; not stated where the file is its own.
    """

    path: str
    format: str
    digest: str
    source: Source = NO_SOURCE

    @property
    def place(self) -> str:
        """Where the rows come from, for the operator."""
        return self.source.place if self.source.stated else self.path


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published dataset.

    Attributes:
        id: IRI, unique at its provider.
        title: one line.
        description: free text; may be empty.
        personal: whether it holds personal data.
        columns: in file order.
        person_column: column that identifies the person, the unit of privacy.
        rows_per_person: most rows of one person (k), >= 1.
        population: persons, rounded; public; all DP arithmetic uses this and never the rows.
        collection_purpose: IRI of the purpose of collection.
        legal_basis: IRI (DPV / GDPR).
        retention: ISO 8601 duration.
        territory: ISO 3166 code.
        register_id: register of the persons whom it is about; it holds the cap that counts.
        cap: the register's, when this was published; None only where `personal` is false.
        file: where the rows are.
        credential: the dataset's self-description, VC-JWT.
        published_at: UTC.
        person_format: how the person column is spelled: `text`, `text-fold` or `number`.
        malformed_share: most rows that may be malformed, of all rows; in [0, 1).
    """

    id: str
    title: str
    description: str
    personal: bool
    columns: tuple[Column, ...]
    person_column: str
    rows_per_person: int
    population: int
    collection_purpose: str
    legal_basis: str
    retention: str
    territory: str
    register_id: str
    cap: PrivacyCap | None
    file: DataFile
    credential: str
    published_at: datetime
    person_format: str = "text"
    malformed_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Offer:
    """An ODRL offer, immutable once stored; a change is a new offer.

    Attributes:
        id: IRI.
        dataset_id: what it is about.
        policy: canonical JSON-LD (RFC 8785) of the ODRL Offer, without `target`.
        digest: SHA-256 of `policy`, hex.
        created_at: UTC.
        audience: DID of the only consumer that may use it; empty for every member.
        derived_from: id of the offer it narrows; empty for a published one.
        reserve: canonical JSON-LD of the provider's own, private limits for narrowing; empty when
            only terms inside the offer are agreed.
        withdrawn: True once no longer offered (existing agreements keep their terms).
        coverage: how each constraint is upheld, canonical JSON, as found when it was published;
            empty where it is to be found anew.
        review: how persons decide on it; None where the terms and the budget do.
        report: what its uses came to on the rows, signed by the provider; empty where it has none.
        shows_report: whether consumers see the report.
        layers: templates and charter that it was merged with.
        dsp: its form in the Dataspace Protocol, canonical JSON without name; empty where that
            cannot say it, so that only Préau nodes are shown it.
        space: IRI of the space for whose members it is; empty: the first of this node's.
    """

    id: str
    dataset_id: str
    policy: bytes
    digest: str
    created_at: datetime
    audience: str = ""
    derived_from: str = ""
    reserve: bytes = b""
    withdrawn: bool = False
    coverage: bytes = b""
    review: Review | None = None
    report: str = ""
    shows_report: bool = False
    layers: tuple[LayerName, ...] = ()
    dsp: bytes = b""
    space: str = ""

    @property
    def decision(self) -> Decision:
        """What a person of the provider decides on."""
        return Decision.AUTOMATIC if self.review is None else self.review.decision
