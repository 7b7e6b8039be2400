from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CatalogRequestMessage(_message.Message):
    __slots__ = ("page_token", "limit", "words", "territory", "purpose", "legal_basis")
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    TERRITORY_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    LEGAL_BASIS_FIELD_NUMBER: _ClassVar[int]
    page_token: str
    limit: int
    words: str
    territory: str
    purpose: str
    legal_basis: str
    def __init__(self, page_token: _Optional[str] = ..., limit: _Optional[int] = ..., words: _Optional[str] = ..., territory: _Optional[str] = ..., purpose: _Optional[str] = ..., legal_basis: _Optional[str] = ...) -> None: ...

class DatasetRequestMessage(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    def __init__(self, dataset: _Optional[str] = ...) -> None: ...

class Catalog(_message.Message):
    __slots__ = ("participant_id", "participant_description", "datasets", "next_page_token")
    PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    participant_id: str
    participant_description: str
    datasets: _containers.RepeatedCompositeFieldContainer[Dataset]
    next_page_token: str
    def __init__(self, participant_id: _Optional[str] = ..., participant_description: _Optional[str] = ..., datasets: _Optional[_Iterable[_Union[Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("id", "description", "offers")
    ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    description: str
    offers: _containers.RepeatedCompositeFieldContainer[CatalogOffer]
    def __init__(self, id: _Optional[str] = ..., description: _Optional[str] = ..., offers: _Optional[_Iterable[_Union[CatalogOffer, _Mapping]]] = ...) -> None: ...

class CatalogOffer(_message.Message):
    __slots__ = ("id", "policy", "coverage", "decision", "report", "layers")
    ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    policy: bytes
    coverage: _containers.RepeatedCompositeFieldContainer[CoverageLine]
    decision: str
    report: str
    layers: _containers.RepeatedCompositeFieldContainer[NamedLayer]
    def __init__(self, id: _Optional[str] = ..., policy: _Optional[bytes] = ..., coverage: _Optional[_Iterable[_Union[CoverageLine, _Mapping]]] = ..., decision: _Optional[str] = ..., report: _Optional[str] = ..., layers: _Optional[_Iterable[_Union[NamedLayer, _Mapping]]] = ...) -> None: ...

class NamedLayer(_message.Message):
    __slots__ = ("layer", "id", "version", "digest")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    layer: str
    id: str
    version: int
    digest: str
    def __init__(self, layer: _Optional[str] = ..., id: _Optional[str] = ..., version: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class CoverageLine(_message.Message):
    __slots__ = ("path", "constraint", "label", "by", "layer")
    PATH_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    path: str
    constraint: str
    label: str
    by: str
    layer: str
    def __init__(self, path: _Optional[str] = ..., constraint: _Optional[str] = ..., label: _Optional[str] = ..., by: _Optional[str] = ..., layer: _Optional[str] = ...) -> None: ...
