"""Self-descriptions of participants and datasets: JSON-LD in a VC-JWT.

Rules: Gaia-X 25.11 and DCAT terms stand on nodes of their own kind; what only this connector says
(columns, population, cap …) stands on a linked node, since most Gaia-X shapes are closed. Every
term has a prefix: the Gaia-X context would turn a typing error into a property. What the values of
a column mean is `dictionary.py`. A dataset of
personal data is published only when it says all that `missing_statements` asks for; where its
file lies is never said. Reading a dataset's node back is `dataset_facts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.domain.catalog.dataset import Column, Dataset
from connector.errors import DescriptionTampered, PreauError
from connector.identity import credential as credentials
from connector.identity import jws
from connector.identity.descriptions import dictionary
from connector.jsonld.canonical import sha256_hex
from federated.privacy.rule import Accounting

CONTEXT: Final = {
    "gx": "https://w3id.org/gaia-x/development#",
    "schema": "https://schema.org/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "qudt": "http://qudt.org/schema/qudt/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "preau": "https://w3id.org/preau/odrl/v1#",
}
# gx:VirtualResource demands a licence; there is none: use rests on a contract alone. The form is
# an SPDX licence reference (SPDX 2.3, annex D).
LICENCE: Final = "LicenseRef-contract-only"
POLICY: Final = "ODRL offers of the provider's catalog"
CAP: Final = "cap {epsilon, delta} per person"  # a statement that may be missing


def describe_participant(did: str, name: str, country: str, registration: str) -> dict[str, Any]:
    """Return a participant's description, a gx:LegalPerson.

    Args:
        did: the participant.
        name: legal name.
        country: ISO 3166 code of its legal address.
        registration: legal registration number.
    """
    address = {"type": "gx:Address", "gx:countryCode": country}
    return {
        "id": did,
        "type": "gx:LegalPerson",
        "schema:name": name,
        "gx:registrationNumber": {
            "type": ["gx:LocalRegistrationNumber", "gx:RegistrationNumber"],
            "gx:local": registration,
        },
        "gx:legalAddress": address,
        "gx:headquartersAddress": address,
    }


def describe_dataset(
    dataset: Dataset, provider_did: str, accounting: Accounting | None = None
) -> dict[str, Any]:
    """Return a dataset's description: dcat:Dataset and gx:VirtualResource, and our node.

    Args:
        dataset: without its credential; its file is left out.
        provider_did: who publishes it.
        accounting: of its register; stated where there is a cap.
    """
    return {
        "id": dataset.id,
        "type": ["dcat:Dataset", "gx:VirtualResource"],
        "dct:title": dataset.title,
        "schema:name": dataset.title,
        "schema:description": dataset.description,
        "dct:publisher": {"id": provider_did},
        "gx:copyrightOwnedBy": provider_did,
        "gx:license": LICENCE,
        "gx:resourcePolicy": POLICY,
        "preau:governance": _governance(dataset, accounting),
    }


def missing_statements(dataset: Dataset) -> list[str]:
    """Return what publishing this dataset still lacks, as members of its description.

    Empty when it may be published.
    """
    stated: dict[str, object] = {"title": dataset.title, "columns": dataset.columns}
    if dataset.personal:
        stated |= {
            "collection_purpose (IRI)": dataset.collection_purpose,
            "legal_basis (IRI)": dataset.legal_basis,
            "retention (such as P3Y)": dataset.retention,
            "territory (such as FR)": dataset.territory,
            "person_column": dataset.person_column,
            "population (rounded)": dataset.population > 0,
            "rows_per_person": dataset.rows_per_person > 0,
            CAP: dataset.cap is not None or dataset.register_id,
        }
    return [name for name, there in stated.items() if not there]


def issue_description(
    signer: jws.Signer,
    subject: Mapping[str, Any],
    *,
    issuer_did: str,
    valid_from: datetime,
    valid_until: datetime | None = None,
) -> str:
    """Sign a description of one's own as VC-JWT.

    Args:
        signer: the publisher's.
        subject: as `describe_participant` or `describe_dataset` returned it.
        issuer_did: the publisher.
        valid_from: UTC.
        valid_until: UTC; None: until replaced.

    Raises:
        KeyUnusable: the key cannot be used.
        Malformed: the description has no canonical form.
    """
    document = {
        "@context": [credentials.VCDM, CONTEXT],
        "id": f"{subject['id']}#description-{instant.text(valid_from)}",
        "type": ["VerifiableCredential"],
        "issuer": issuer_did,
        "validFrom": instant.text(valid_from),
        "credentialSubject": dict(subject),
    }
    if valid_until is not None:
        document["validUntil"] = instant.text(valid_until)
    return credentials.issue(signer, document)


def verify_description(
    token: str, document: jws.KeyHolder, subject_id: str, *, now: datetime | None = None
) -> dict[str, Any]:
    """Return a description once its publisher's signature verifies.

    Args:
        token: VC-JWT.
        document: DID document of the publisher.
        subject_id: what it must describe.
        now: UTC; when given, the description must be valid then.

    Raises:
        DescriptionTampered: it does not verify, describes another thing, or is out of date.
    """
    try:
        found = credentials.verify(token, document)
        if now is not None:
            credentials.check_period(found, now)
    except PreauError as exc:
        raise DescriptionTampered(
            f"the description of `{subject_id}` does not verify: {exc.reason}"
        ) from exc
    if found.subject_id != subject_id:
        raise DescriptionTampered(f"the description is not that of `{subject_id}`")
    return dict(found.subject)


def digest(token: str) -> str:
    """Return the SHA-256 (hex) by which an agreement fixes a description."""
    return sha256_hex(token.encode())


def _governance(dataset: Dataset, accounting: Accounting | None) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": f"{dataset.id}#governance",
        "type": "preau:DataGovernance",
        "preau:personalData": dataset.personal,
        "preau:column": {"@list": [_column(column) for column in dataset.columns]},
        "preau:personColumn": dataset.person_column,
        "preau:rowsPerPerson": dataset.rows_per_person,
        "preau:roundedPopulation": dataset.population,
    }
    stated: dict[str, str | dict[str, str]] = {
        "dpv:hasPurpose": {"id": dataset.collection_purpose},
        "dpv:hasLegalBasis": {"id": dataset.legal_basis},
        "preau:retention": {"@type": "xsd:duration", "@value": dataset.retention},
        "dct:spatial": dataset.territory,
    }
    node |= {name: value for name, value in stated.items() if _says_something(value)}
    if dataset.cap is not None:
        node["preau:cap"] = {
            "preau:epsilon": dataset.cap.epsilon,
            "preau:delta": dataset.cap.delta,
        }
        if accounting is not None:
            node["preau:accounting"] = {
                "preau:rule": accounting.rule.value,
                "preau:adjacency": accounting.adjacency,
            }
    return node


def _column(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {
        "preau:name": column.name,
        "preau:columnClass": column.kind.value,
        "preau:datatype": column.datatype,
    }
    words = {"dct:description": column.description} if column.description else {}
    return described | words | dictionary.described(column.meaning)


def _says_something(value: str | dict[str, str]) -> bool:
    return all(value.values()) if isinstance(value, dict) else bool(value)
