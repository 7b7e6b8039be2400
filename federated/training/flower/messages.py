"""The only place that touches what Flower 1.42 keeps private.

Two touches: a process must carry a `TaskIdentity` before Flower lets it make messages, and a
message's id, which Flower's own server would set, has no setter. Messages cross as Flower's
protobuf. Rules: the same round of the same state gives the same bytes, hence ids are digests and
times are constants: a clock in a message would tell how long private rows took. A test fails when
another Flower changes what is used here.
"""

from __future__ import annotations

import hashlib
from typing import Final

from flwr.app import Message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as Protobuf
from flwr.supercore.task_identity import TaskIdentity
from google.protobuf.message import DecodeError

from federated.errors import RoundRefused
from federated.manifest import JobManifest
from federated.training.bounds import check_message, most_bytes

LEAD_NODE: Final = 1
_FIRST_SITE: Final = 2
_TASK: Final = 1


def run_of(manifest: JobManifest) -> int:
    """Return Flower's number of the job: 63 bits of its identifier's digest."""
    return int.from_bytes(hashlib.sha256(manifest.job.encode()).digest()[:8]) >> 1


def node_of(manifest: JobManifest, site: str) -> int:
    """Return Flower's number of a site: its place in the manifest.

    Raises:
        RoundRefused: the site takes no part in the job.
    """
    if site not in manifest.sites:
        raise RoundRefused("the site takes no part in the job")
    return _FIRST_SITE + manifest.sites.index(site)


def identify(manifest: JobManifest, node: int) -> None:
    """Tell Flower who this process is; a process is one node of one job."""
    TaskIdentity.run_id = run_of(manifest)
    TaskIdentity.node_id = node
    TaskIdentity.task_id = _TASK


def seal(message: Message, manifest: JobManifest) -> Message:
    """Give a message its id and the job's times, and return it.

    Its life starts at the epoch and ends at the job's deadline.
    """
    metadata = message.metadata
    name = "\n".join(
        (
            manifest.job,
            metadata.group_id,
            str(metadata.src_node_id),
            str(metadata.dst_node_id),
            metadata.reply_to_message_id,
        )
    )
    metadata.__dict__["_message_id"] = hashlib.sha256(name.encode()).hexdigest()
    metadata.created_at = 0.0
    metadata.ttl = manifest.deadline.timestamp()
    return message


def to_bytes(message: Message) -> bytes:
    """Return a sealed message as protobuf bytes; equal messages give equal bytes."""
    data: bytes = message_to_proto(message).SerializeToString(deterministic=True)
    return data


def from_bytes(data: bytes, manifest: JobManifest) -> Message:
    """Read a message of a job, once it is within the job's bounds.

    Raises:
        RoundRefused: not a Flower message, or another one than a round of the job has.
    """
    if len(data) > most_bytes(manifest):
        raise RoundRefused("the round's message is larger than one of this job can be")
    try:
        parsed = Protobuf.FromString(data)
        check_message(parsed, manifest)
        return message_from_proto(parsed)
    except (DecodeError, ValueError, TypeError, AttributeError, KeyError) as exc:
        raise RoundRefused("the round's message is no Flower message") from exc
