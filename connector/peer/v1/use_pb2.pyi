from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class UseRequest(_message.Message):
    __slots__ = ("request_id", "agreement_id", "request", "signature")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    agreement_id: str
    request: bytes
    signature: str
    def __init__(self, request_id: _Optional[str] = ..., agreement_id: _Optional[str] = ..., request: _Optional[bytes] = ..., signature: _Optional[str] = ...) -> None: ...

class UseAnswer(_message.Message):
    __slots__ = ("request_id", "state", "code", "reasons", "extract_id", "statement", "content")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    EXTRACT_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    state: str
    code: str
    reasons: _containers.RepeatedScalarFieldContainer[str]
    extract_id: str
    statement: str
    content: bytes
    def __init__(self, request_id: _Optional[str] = ..., state: _Optional[str] = ..., code: _Optional[str] = ..., reasons: _Optional[_Iterable[str]] = ..., extract_id: _Optional[str] = ..., statement: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class ReferralMessage(_message.Message):
    __slots__ = ("referral",)
    REFERRAL_FIELD_NUMBER: _ClassVar[int]
    referral: str
    def __init__(self, referral: _Optional[str] = ...) -> None: ...

class ReferralAnswer(_message.Message):
    __slots__ = ("referral_id",)
    REFERRAL_ID_FIELD_NUMBER: _ClassVar[int]
    referral_id: str
    def __init__(self, referral_id: _Optional[str] = ...) -> None: ...
