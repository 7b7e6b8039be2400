"""The roles, composed from the product's services over test ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft4Validator
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from connector.bootstrap.system import SystemClock, UuidIdentifiers
from connector.domain.credentials import CredentialRequest
from connector.domain.participant import Participant
from connector.domain.space import MEMBERSHIP_SCOPE
from connector.errors import CredentialInvalid, PreauError, status
from connector.identity import document as documents
from connector.identity.credential import MEMBERSHIP
from connector.identity.dcp import access, self_issued
from connector.identity.dcp.credential import VCDM_11, Profile, issue_vc11
from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialObject,
    IssuerMetadata,
    RequestStatus,
)
from connector.identity.document import DidDocument
from connector.identity.trust import Claim
from connector.jsonld.canonical import parse_object
from connector.peer.dcp.face import PATH, DcpFace
from connector.peer.web.https import problem
from connector.ports import Ports, Transaction
from connector.services.credentials import issuing
from connector.services.credentials.authenticating import Authenticator
from connector.services.credentials.callers import DcpCallers
from connector.services.credentials.holding import Holder
from connector.services.credentials.issuing import Issuer
from connector.services.credentials.resolving import Documents
from connector.services.credentials.verifying import Verifier
from connector.services.membership import fetching
from tests.dcp_tck.plain import LOOPBACK, PlainWeb
from tests.dcp_tck.properties import PREFIX
from tests.support.doubles import ports_for_tests, settings_for_tests
from tests.support.keys import MemoryEcSigner

ROLES: Final = ("holder", "verifier", "issuer")
CALLBACK: Final = "http://localhost:8080"
TOKEN_LIFE: Final = timedelta(minutes=10)  # as the kit writes its tokens; believed for five
SENSITIVE: Final = "SensitiveDataCredential"
CORRELATION: Final = f"{PREFIX}credentials.correlation.id"
_STS: Final = f"{PREFIX}sts."
_DEFAULTS: Final = {
    f"{PREFIX}callback.address": CALLBACK,
    f"{PREFIX}launcher": "org.eclipse.dataspacetck.dcp.system.DcpSystemLauncher",
    f"{_STS}client.id": "kit",
    f"{_STS}client.secret": "kit-secret",
    f"{PREFIX}vc.scope.membershipcredential": MEMBERSHIP_SCOPE,
    CORRELATION: "preau",
}


@dataclass(frozen=True)
class Anybody:
    """The connection of any caller: the kit binds no token to a certificate."""

    certificate: str = ""


class Fresh(Documents):
    """Documents as they are served now: the kit has new keys each time that it runs."""

    def of(self, did: str) -> DidDocument:
        return self._fetch(did, self._ports.clock.now())

    def issuer(self, did: str) -> DidDocument:
        return fetching.fetch_document(self._ports, did)


class Schemas:
    """A credential's subject is as the schema says that the credential names (VCDM 1.1, 5.4)."""

    def __init__(self, web: PlainWeb) -> None:
        self._web = web

    def check(self, claim: Claim) -> None:
        named = claim.credential.document.get("credentialSchema")
        for each in named if isinstance(named, list) else [named] if named else []:
            schema = parse_object(self._web.get(each["id"]))
            if not Draft4Validator(schema).is_valid(dict(claim.credential.subject)):
                raise CredentialInvalid("the credential is not as its schema demands")


class Demanded:
    """The offering of the kit's cases: two credentials of VCDM 1.1, for whoever asks."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._types = {"credential-object-id1": MEMBERSHIP, "credential-object-id2": SENSITIVE}

    def metadata(self) -> IssuerMetadata:
        return IssuerMetadata(
            self._ports.settings.did,
            tuple(
                CredentialObject(
                    id=each,
                    credential_type=name,
                    credential_schema="https://localhost/schema",
                    offer_reason="reissue",
                    binding_methods=("did:web",),
                    profile=Profile.VC11.value,
                )
                for each, name in self._types.items()
            ),
        )

    def knows(self, _tx: Transaction, holder: str) -> bool:
        return bool(holder)

    def stands(self, _tx: Transaction, holder: str) -> bool:
        return bool(holder)

    def issued(
        self, _tx: Transaction, holder: str, ids: Sequence[str]
    ) -> dict[str, CredentialContainer]:
        return {each: self._made(holder, self._types[each]) for each in ids}

    def _made(self, holder: str, name: str) -> CredentialContainer:
        now = self._ports.clock.now().replace(microsecond=0)
        document = {
            "@context": [VCDM_11],
            "id": self._ports.ids.new(),
            "type": ["VerifiableCredential", name],
            "issuer": self._ports.settings.did,
            "issuanceDate": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "expirationDate": (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "credentialSubject": {"id": holder, "foo": "bar"},
        }
        token = issue_vc11(self._ports.signer, document)
        return CredentialContainer(name, token, Profile.VC11.value)


class Roles:
    """Everything that the kit talks with.

    Attributes:
        properties: what the kit is told, but for which DIDs are ours.
    """

    def __init__(self, folder: Path, port: int, given: Mapping[str, str]) -> None:
        """Compose; nothing is served yet.

        Args:
            folder: for the databases.
            port: at which it is served on loopback.
            given: properties of the kit; what they leave out has defaults.
        """
        self._base = f"http://localhost:{port}"
        sts = {f"{_STS}url": f"{self._base}/sts"}
        trigger = {f"{PREFIX}vpp.trigger.endpoint": f"{self._base}/verifier/trigger"}
        stated = {**_DEFAULTS, **_without_dids(given), **sts, **trigger}
        self._callback = stated[f"{PREFIX}callback.address"]
        address = urlsplit(self._callback)
        where = {"host": address.hostname or "", "port": str(address.port or 80)}
        self.properties = {**{PREFIX + name: value for name, value in where.items()}, **stated}
        if address.hostname not in {*LOOPBACK, "0.0.0.0"}:  # noqa: S104  the kit's name of its own
            raise SystemExit("the kit's callback address must be on loopback")
        self._web = PlainWeb()
        self._ports = {role: self._composed(folder / role, role, port) for role in ROLES}
        holder, verifier, issuer = (self._authenticator(role) for role in ROLES)
        self._verifier = verifier
        verifying = Verifier(
            self._ports["verifier"], verifier, kept_for=timedelta(0), further=[Schemas(self._web)]
        )
        self._callers = DcpCallers(self._ports["verifier"], verifying)
        self._offering = Demanded(self._ports["issuer"])
        self._known = issuer.documents
        self._faces = {
            "holder": DcpFace(
                *(self._ports["holder"], _loopback), holder=Holder(self._ports["holder"], holder)
            ),
            "issuer": DcpFace(
                *(self._ports["issuer"], _loopback),
                issuer=Issuer(self._ports["issuer"], issuer, self._offering, per_hour=10_000),
            ),
            "verifier": DcpFace(self._ports["verifier"], _loopback),
        }
        self._expect_deliveries()

    def did(self, role: str) -> str:
        """Return our DID of a role."""
        return self._ports[role].settings.did

    def kits(self, role: str) -> str:
        """Return the kit's own DID of a role, as it makes it from its address."""
        address = urlsplit(self._callback)
        host = "localhost" if address.hostname == "0.0.0.0" else address.hostname  # noqa: S104  the kit's name of its own
        return f"did:web:{host}%3A{address.port or 80}:{role}"

    def told(self, role: str) -> dict[str, str]:
        """Return what the kit is told to try one of our roles.

        Where the holder is the kit's own, so is the token service: its holder knows no other.
        """
        told = {**self.properties, f"{PREFIX}did.{role}": self.did(role)}
        own = role == "holder"
        return {name: value for name, value in told.items() if own or not name.startswith(_STS)}

    @cached_property
    def application(self) -> Starlette:
        """Everything, over HTTP."""
        mounts = [
            Mount(
                f"/{role}",
                routes=[
                    Route("/did.json", partial(_document, self._ports[role])),
                    *self._faces[role].routes(),
                ],
            )
            for role in ROLES
        ]
        return Starlette(
            routes=[
                Route("/verifier/trigger", self._trigger, methods=["POST"]),
                Route("/sts/token", self._token, methods=["POST"]),
                *mounts,
            ],
            exception_handlers={PreauError: _refused},
        )

    def deliver(self) -> float:
        """Deliver what the issuer was asked for; return in how many seconds to look again."""
        ports = self._ports["issuer"]
        seconds = issuing.turn(ports, known=self._known, offering=self._offering, steady=True)
        ports.wakeups.wait(issuing.ISSUANCE, min(seconds, 1.0))
        return seconds

    def close(self) -> None:
        """Close what was opened."""
        self._web.close()
        for ports in self._ports.values():
            ports.store.close()  # type: ignore[attr-defined]  # as `ports_for_tests` makes it

    def _composed(self, home: Path, role: str, port: int) -> Ports:
        did = f"did:web:localhost%3A{port}:{role}"
        signer = MemoryEcSigner(did)
        service = "IssuerService" if role == "issuer" else "CredentialService"
        listed = {
            service: f"{self._base}/{role}{PATH}",
            "CredentialService": f"{self._base}/{role}{PATH}",
        }
        settings = settings_for_tests(
            home,
            did,
            kind="authority" if role == "issuer" else "participant",
            space=self.kits("issuer"),
            trusted_issuers=(self.kits("issuer"),),
            scopes=(self.properties[f"{PREFIX}vc.scope.membershipcredential"],),
        )
        return ports_for_tests(
            home,
            did,
            settings=settings,
            clock=SystemClock(),
            ids=UuidIdentifiers(),
            signer=signer,
            web=self._web,
            own_document=lambda: documents.build(signer, did, (), listed),
            own_membership=lambda _space="": "",
        )

    def _authenticator(self, role: str) -> Authenticator:
        made = Authenticator(self._ports[role], TOKEN_LIFE)
        made.documents = Fresh(self._ports[role])
        return made

    def _expect_deliveries(self) -> None:
        """Write down the requests that the kit answers, of whatever correlation id."""
        ports, issuer = self._ports["holder"], self.kits("issuer")
        pids = {value for name, value in self.properties.items() if name.startswith(CORRELATION)}
        with ports.store.write() as tx:
            for pid in pids:
                status = RequestStatus.RECEIVED.value
                now = ports.clock.now()
                tx.credential_requests.put(
                    CredentialRequest(pid, issuer, (MEMBERSHIP,), "kit", status, "", now)
                )

    def _judged(self, authorization: str) -> Participant:
        """Judge a caller, and write down the use of its token as the face of the product does."""
        found, unused = self._callers.judge(authorization, Anybody())
        if unused is not None:
            self._verifier.use(unused)
        return found

    async def _trigger(self, request: Request) -> Response:
        stated = request.headers.get("authorization", "")
        caller = await run_in_threadpool(self._judged, stated)
        return JSONResponse({"caller": caller.did})

    async def _token(self, request: Request) -> Response:
        """Answer as a Secure Token Service: client credentials, and what they may let ask for."""
        form = await _form(request)
        named = {name: form.get(f"client_{name}") for name in ("id", "secret")}
        if any(self.properties[f"{_STS}client.{name}"] != said for name, said in named.items()):
            return JSONResponse({"error": "invalid_client"}, 401)
        ports = self._ports["holder"]
        audience, own, now = form.get("audience", ""), ports.settings.did, ports.clock.now()
        scopes = form.get("bearer_access_scope", "").split()
        token = self_issued.make(
            *(ports.signer, own, audience, ports.ids.new(), now),
            access_token=access.make(ports.signer, own, audience, scopes, now),
        )
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 300})


def _without_dids(given: Mapping[str, str]) -> dict[str, str]:
    """Return properties without the DIDs of roles: which are ours differs by package."""
    own = {f"{PREFIX}did.{role}" for role in ROLES}
    return {name: value for name, value in given.items() if name not in own}


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


def _loopback(_port: int) -> str:
    return "127.0.0.1"


def _document(ports: Ports, _request: Request) -> Response:
    return Response(ports.own_document(), media_type="application/did+json")


def _refused(_request: Request, error: Any) -> Response:
    return JSONResponse(problem(error), status(error.code)[1])
