from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobSubmission(_message.Message):
    __slots__ = ("job_id", "manifest", "signature")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    manifest: bytes
    signature: str
    def __init__(self, job_id: _Optional[str] = ..., manifest: _Optional[bytes] = ..., signature: _Optional[str] = ...) -> None: ...

class JobDecision(_message.Message):
    __slots__ = ("job_id", "accepted", "code", "reasons")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    accepted: bool
    code: str
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, job_id: _Optional[str] = ..., accepted: _Optional[bool] = ..., code: _Optional[str] = ..., reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class JobCancellation(_message.Message):
    __slots__ = ("job_id", "reason", "receipts")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    reason: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, job_id: _Optional[str] = ..., reason: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class SiteFrame(_message.Message):
    __slots__ = ("hello", "reply", "refusal")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    reply: RoundReply
    refusal: Refusal
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., reply: _Optional[_Union[RoundReply, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("job_id", "manifest_digest")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    manifest_digest: str
    def __init__(self, job_id: _Optional[str] = ..., manifest_digest: _Optional[str] = ...) -> None: ...

class RoundReply(_message.Message):
    __slots__ = ("round", "message", "receipt")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    round: int
    message: bytes
    receipt: str
    def __init__(self, round: _Optional[int] = ..., message: _Optional[bytes] = ..., receipt: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("round", "code", "reason")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    round: int
    code: str
    reason: str
    def __init__(self, round: _Optional[int] = ..., code: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class LeadFrame(_message.Message):
    __slots__ = ("round", "finish")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    round: Round
    finish: Finish
    def __init__(self, round: _Optional[_Union[Round, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ...) -> None: ...

class Round(_message.Message):
    __slots__ = ("round", "answered", "message", "receipts")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    round: int
    answered: _containers.RepeatedScalarFieldContainer[str]
    message: bytes
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, round: _Optional[int] = ..., answered: _Optional[_Iterable[str]] = ..., message: _Optional[bytes] = ..., receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("outcome", "code", "reason", "receipts")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    code: str
    reason: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, outcome: _Optional[str] = ..., code: _Optional[str] = ..., reason: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ...) -> None: ...
