from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ContractRequestMessage(_message.Message):
    __slots__ = ("message_id", "consumer_pid", "provider_pid", "offer_id", "dataset", "policy")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    consumer_pid: str
    provider_pid: str
    offer_id: str
    dataset: str
    policy: bytes
    def __init__(self, message_id: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., provider_pid: _Optional[str] = ..., offer_id: _Optional[str] = ..., dataset: _Optional[str] = ..., policy: _Optional[bytes] = ...) -> None: ...

class ContractOfferMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "offer_id", "dataset", "policy", "reasons")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    offer_id: str
    dataset: str
    policy: bytes
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., offer_id: _Optional[str] = ..., dataset: _Optional[str] = ..., policy: _Optional[bytes] = ..., reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class ContractAgreementMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "agreement", "provider_signature", "report")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    agreement: bytes
    provider_signature: str
    report: str
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., agreement: _Optional[bytes] = ..., provider_signature: _Optional[str] = ..., report: _Optional[str] = ...) -> None: ...

class ContractAgreementVerificationMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "consumer_signature")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    consumer_signature: str
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., consumer_signature: _Optional[str] = ...) -> None: ...

class ContractNegotiationEventMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "event_type", "receipt")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    event_type: str
    receipt: str
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., event_type: _Optional[str] = ..., receipt: _Optional[str] = ...) -> None: ...

class ContractNegotiationTerminationMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "code", "reasons", "statement")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    code: str
    reasons: _containers.RepeatedScalarFieldContainer[str]
    statement: str
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., code: _Optional[str] = ..., reasons: _Optional[_Iterable[str]] = ..., statement: _Optional[str] = ...) -> None: ...

class GetNegotiationMessage(_message.Message):
    __slots__ = ("pid",)
    PID_FIELD_NUMBER: _ClassVar[int]
    pid: str
    def __init__(self, pid: _Optional[str] = ...) -> None: ...

class ContractNegotiation(_message.Message):
    __slots__ = ("provider_pid", "consumer_pid", "state", "next_kind", "next", "awaits")
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NEXT_KIND_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    AWAITS_FIELD_NUMBER: _ClassVar[int]
    provider_pid: str
    consumer_pid: str
    state: str
    next_kind: str
    next: bytes
    awaits: bool
    def __init__(self, provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., state: _Optional[str] = ..., next_kind: _Optional[str] = ..., next: _Optional[bytes] = ..., awaits: _Optional[bool] = ...) -> None: ...

class AgreementNotice(_message.Message):
    __slots__ = ("message_id", "statement")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    statement: str
    def __init__(self, message_id: _Optional[str] = ..., statement: _Optional[str] = ...) -> None: ...

class AgreementNoticeReceipt(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class AgreementDeed(_message.Message):
    __slots__ = ("message_id", "statement")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    statement: str
    def __init__(self, message_id: _Optional[str] = ..., statement: _Optional[str] = ...) -> None: ...

class AgreementDeedReceipt(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...
