"""What the management API answers of the node, its membership, and the peers that it has met."""

from datetime import datetime

from pydantic import ConfigDict, Field

from connector.management.views.view import View


class ThreadFaultView(View):
    """The last fault of a background thread that nobody foresaw; the thread went on."""

    thread: str
    at: datetime
    kind: str = Field(description="name of the exception's class")
    place: str = Field(description="module, line and function")
    times: int = Field(description="how often since the node started")


class NodeView(View):
    """The running node."""

    did: str
    name: str
    kind: str = Field(description="participant or authority")
    space: str
    version: str
    pid: int
    started_at: datetime
    grpc: str = Field(description="host:port that is bound; empty for an authority")
    https: str = Field(description="host:port that is bound")
    recipe: str = Field(
        default="", description="SHA-256 of its training recipe; empty when it has none"
    )
    recipes: dict[str, str] = Field(
        default={}, description="SHA-256 of the recipe of each engine that it runs for others"
    )
    unsafe: list[str] = Field(description="settings that are exceptions from safety")
    faults: list[ThreadFaultView] = Field(
        default_factory=list, description="background threads that met an unforeseen fault"
    )


class PeerView(View):
    """A peer that this node has met."""

    did: str
    name: str
    grpc: str
    admitted_at: datetime
    refreshed_at: datetime
    standing: str = Field(description="`good`, or the code of why it is not served")
    reason: str = ""
    space: str = Field(default="", description="IRI of the space in which it is dealt with")


class MembershipView(View):
    """The node's own membership of a space."""

    did: str
    space: str
    name: str = Field(default="", description="of the space in the settings; empty: the first")
    standing: str = Field(description="`good`, `none`, or the code of why it is not believed")
    reason: str = ""
    role: str = ""
    issuer: str = ""
    valid_until: datetime | None = None


class Introduction(View):
    """A peer to meet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    did: str
    space: str = Field(
        default="",
        description="in which to deal with it from now on, by IRI or name; empty: as before, or in"
        " the only one of which both are members",
    )


class AuthorityKey(View):
    """A key of the space's authority, as its operator stated it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(min_length=43, max_length=43, description="RFC 7638 thumbprint")
    space: str = Field(default="", description="whose, by IRI or name; empty: the first")
