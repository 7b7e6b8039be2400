from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class TransferRequestMessage(_message.Message):
    __slots__ = ("message_id", "consumer_pid", "agreement_id", "extract_id")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTRACT_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    consumer_pid: str
    agreement_id: str
    extract_id: str
    def __init__(self, message_id: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., agreement_id: _Optional[str] = ..., extract_id: _Optional[str] = ...) -> None: ...

class TransferStartMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "statement")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    statement: str
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., statement: _Optional[str] = ...) -> None: ...

class TransferSuspensionMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "code", "reasons")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    code: str
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., code: _Optional[str] = ..., reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class TransferCompletionMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "statement")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    statement: str
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., statement: _Optional[str] = ...) -> None: ...

class TransferTerminationMessage(_message.Message):
    __slots__ = ("message_id", "provider_pid", "consumer_pid", "code", "reasons")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    provider_pid: str
    consumer_pid: str
    code: str
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, message_id: _Optional[str] = ..., provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., code: _Optional[str] = ..., reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class TransferProcess(_message.Message):
    __slots__ = ("provider_pid", "consumer_pid", "state")
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_PID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    provider_pid: str
    consumer_pid: str
    state: str
    def __init__(self, provider_pid: _Optional[str] = ..., consumer_pid: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class TransferAccessMessage(_message.Message):
    __slots__ = ("provider_pid", "flight")
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    FLIGHT_FIELD_NUMBER: _ClassVar[int]
    provider_pid: str
    flight: bool
    def __init__(self, provider_pid: _Optional[str] = ..., flight: _Optional[bool] = ...) -> None: ...

class TransferAccess(_message.Message):
    __slots__ = ("url", "token", "seconds", "flight")
    URL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    FLIGHT_FIELD_NUMBER: _ClassVar[int]
    url: str
    token: str
    seconds: int
    flight: str
    def __init__(self, url: _Optional[str] = ..., token: _Optional[str] = ..., seconds: _Optional[int] = ..., flight: _Optional[str] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("provider_pid", "offset")
    PROVIDER_PID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    provider_pid: str
    offset: int
    def __init__(self, provider_pid: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...
