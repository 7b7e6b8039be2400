"""The cases of the public compatibility kit of DCP, against the roles that it is given.

The kit's side is here: its own roles over plain HTTP, tokens and credentials as it writes them, and
what it asserts. Its cases are Java; they are run with `python -m tests.dcp_tck`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.identity.dcp.credential import VCDM_11, Profile
from connector.jsonld.canonical import unb64url
from connector.serving.server import Server, configured
from connector.serving.sockets import listening
from tests.dcp_tck import properties
from tests.dcp_tck.__main__ import stated_port, tell
from tests.dcp_tck.roles import CORRELATION, Roles
from tests.support.keys import MemoryEcSigner, forged
from tests.support.ports import free_port

CONTEXT = "https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"
MEMBER, SENSITIVE = "MembershipCredential", "SensitiveDataCredential"
PARTIES = ("holder", "verifier", "issuer", "thirdparty", "nocapability", "multivm")
PID = "correlated"


def scope(name: str) -> str:
    return f"org.eclipse.dspace.dcp.vc.type:{name}"


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unb64url(token.split(".")[1]))
    return found


class Kit:
    """The kit's own roles, and how it asks ours.

    Attributes:
        presenting: what its Credential Service answers; None: what the token was granted.
        delivered: the messages that came to it, with the token of each.
    """

    def __init__(self, port: int, ours: dict[str, str]) -> None:
        self.port, self.ours = port, ours
        self.keys = {role: MemoryEcSigner(self.did(role)) for role in PARTIES}
        self.other = MemoryEcSigner(self.did("multivm"), "key-2")
        self.presenting: Callable[[], list[str]] | None = None
        self.delivered: list[tuple[str, dict[str, Any]]] = []
        self.web = httpx.Client(timeout=20, trust_env=False)
        self.services: dict[tuple[str, str], str] = {}

    def did(self, role: str) -> str:
        return f"did:web:localhost%3A{self.port}:{role}"

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/presentations/query", self._query, methods=["POST"]),
                Route("/credentials", self._take, methods=["POST"]),
                Route("/statuslist/{id}", lambda _request: JSONResponse({"type": "list"})),
                Route("/schema/{name}", lambda _request: JSONResponse(SCHEMA)),
                Route("/metadata", self._metadata),
                *(Route(f"/{role}/did.json", partial(self._document, role)) for role in PARTIES),
            ]
        )

    def service(self, role: str, kind: str) -> str:
        if (role, kind) not in self.services:
            path = self.ours[role].removeprefix("did:web:").replace(":", "/").replace("%3A", ":")
            document = self.web.get(f"http://{path}/did.json").json()
            listed = {each["type"]: each["serviceEndpoint"] for each in document["service"]}
            self.services[role, kind] = listed[kind]
        return self.services[role, kind]

    def token(self, bearer: str, to: str, **changes: Any) -> str:
        now = int(datetime.now(UTC).timestamp())
        own, header = self.keys[bearer], changes.pop("header", {})
        stated = {
            "iss": self.did(bearer),
            "sub": self.did(bearer),
            "aud": self.ours[to],
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + 600,
            **{name: now + value if name in TIMES else value for name, value in changes.items()},
        }
        kept = {name: value for name, value in stated.items() if value is not None}
        return forged(own, kept, {"alg": "ES256", "typ": "JWT", "kid": own.key_id, **header})

    def granted(self, *names: str) -> str:
        """An access token of our holder for the kit's verifier, by the token service."""
        told = self.web.post(
            self.ours["sts"] + "/token",
            data={
                "grant_type": "client_credentials",
                "client_id": "kit",
                "client_secret": "kit-secret",
                "audience": self.did("verifier"),
                "bearer_access_scope": " ".join(map(scope, names)),
            },
        )
        return str(claims_of(told.json()["access_token"])["token"])

    def post(self, url: str, token: str | None, body: Any, prefix: str = "Bearer ") -> int:
        headers = {} if token is None else {"Authorization": prefix + token}
        self.last = self.web.post(url, headers=headers, json=body)
        return self.last.status_code

    def credential(self, name: str, **changes: Any) -> str:
        now = datetime.now(UTC)
        document = {
            "@context": [VCDM_11],
            "id": str(uuid4()),
            "type": ["VerifiableCredential", name],
            "issuer": self.did("issuer"),
            "issuanceDate": now.isoformat(),
            "expirationDate": (now + timedelta(minutes=10)).isoformat(),
            "credentialSubject": {"id": self.did("holder"), "foo": "bar"},
            **changes,
        }
        at, own = int(now.timestamp()), self.keys["issuer"]
        subject = document["credentialSubject"]["id"]
        stated = {"iss": self.did("issuer"), "sub": subject, "jti": str(uuid4()), "nbf": at}
        body = {**stated, "iat": at, "exp": at + 300, "vc": document}
        return forged(own, body, {"alg": "ES256", "typ": "JWT", "kid": own.key_id})

    def presentation(self, *credentials: str) -> str:
        at, own = int(datetime.now(UTC).timestamp()), self.keys["holder"]
        inside = {
            "context": [VCDM_11],
            "type": "VerifiablePresentation",
            "verifiableCredential": list(credentials),
        }
        body = {
            "iss": self.did("holder"),
            "sub": self.did("holder"),
            "aud": self.ours["verifier"],
            "jti": str(uuid4()),
            "nbf": at,
            "iat": at,
            "exp": at + 300,
            "vp": inside,
        }
        return forged(own, body, {"alg": "ES256", "typ": "JWT", "kid": own.key_id})

    def _document(self, role: str, _request: Request) -> Response:
        keys = [self.keys[role], *([self.other] if role == "multivm" else [])]
        ids = [each.key_id for each in keys]
        base = f"http://localhost:{self.port}"
        listed = {
            "CredentialService": base,
            **({"IssuerService": base} if role == "issuer" else {}),
        }
        methods = [
            {
                "id": each.key_id,
                "type": "JsonWebKey2020",
                "controller": self.did(role),
                "publicKeyJwk": {**each.public_jwk, "kid": each.key_id, "use": "sig"},
            }
            for each in keys
        ]
        document = {
            "@context": ["https://www.w3.org/ns/did/v1", CONTEXT],
            "id": self.did(role),
            "verificationMethod": methods,
            "authentication": ids,
            "assertionMethod": ids,
            "service": [
                {"id": f"TCK-{name}", "type": name, "serviceEndpoint": url}
                for name, url in listed.items()
            ],
        }
        if role != "nocapability":
            document["capabilityInvocation"] = ids
        return JSONResponse(document)

    async def _query(self, request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        if self.presenting is not None:
            found = self.presenting()
        else:
            names = claims_of(token)["token"].split(",")
            found = [self.presentation(*(self.credential(each) for each in names))]
        return JSONResponse(
            {"@context": [CONTEXT], "type": "PresentationResponseMessage", "presentation": found}
        )

    async def _take(self, request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.delivered.append((token, await request.json()))
        return Response()

    def _metadata(self, _request: Request) -> Response:
        offered = {"id": "known", "type": "CredentialObject", "credentialType": MEMBER}
        body = {"issuer": self.did("issuer"), "credentialsSupported": [offered]}
        return JSONResponse({"@context": [CONTEXT], "type": "IssuerMetadata", **body})


TIMES = ("iat", "exp", "nbf")
SCHEMA = {"type": "object", "required": ["id", "foo"]}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    folder, over = tmp_path_factory.mktemp("kit"), threading.Event()
    port, own = free_port(), free_port()
    given = {
        f"{properties.PREFIX}callback.address": f"http://localhost:{own}",
        f"{CORRELATION}.cs_06_05_01_credentialMessage": PID,
    }
    roles = Roles(folder / "roles", port, given)
    tell(roles, folder / "kit.properties")
    told = properties.read((folder / "kit.properties").read_text())
    ours = {role: told[f"{properties.PREFIX}did.{role}"] for role in PARTIES[:3]}
    sts, trigger = told[f"{properties.PREFIX}sts.url"], f"{properties.PREFIX}vpp.trigger.endpoint"
    made = Kit(own, {**ours, "sts": sts, "trigger": told[trigger]})

    def deliver() -> None:
        while not over.is_set():
            roles.deliver()

    with ExitStack() as stack:
        stack.callback(roles.close)
        stack.callback(made.web.close)
        for app, where in ((roles.application, port), (made.application(), own)):
            server = Server("kit", configured(app), listening(f"127.0.0.1:{where}"))
            server.start()
            stack.callback(server.stop)
        thread = threading.Thread(target=deliver, daemon=True)
        thread.start()
        stack.callback(thread.join, 10)
        stack.callback(over.set)
        yield made


def query(*names: str, **more: Any) -> dict[str, Any]:
    asked = {"scope": [scope(each) for each in names]} if names else {}
    return {"@context": [CONTEXT], "type": "PresentationQueryMessage", **asked, **more}


def message(kit: Kit, **changes: Any) -> dict[str, Any]:
    holder = {"credentialSubject": {"id": kit.ours["holder"], "foo": "bar"}}
    carried = [
        {
            "credentialType": each,
            "format": Profile.VC11.value,
            "payload": kit.credential(each, **holder),
        }
        for each in (MEMBER, SENSITIVE)
    ]
    body = {
        "@context": [CONTEXT],
        "type": "CredentialMessage",
        "issuerPid": str(uuid4()),
        "holderPid": PID,
        "status": "ISSUED",
        "credentials": carried,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def offer(kit: Kit, *ids: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "id": str(uuid4()),
        "type": "CredentialObject",
        "credentialType": MEMBER,
        "offerReason": "reissue",
        "bindingMethods": ["did:web:"],
        "profile": Profile.VC11.value,
        "issuancePolicy": {},
    }
    body = {
        "@context": [CONTEXT],
        "type": "CredentialOfferMessage",
        "issuer": kit.did("issuer"),
        "credentials": [{"id": each} for each in ids] or [whole],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def request(**changes: Any) -> dict[str, Any]:
    asked = [{"id": "credential-object-id1"}, {"id": "credential-object-id2"}]
    body = {
        "@context": [CONTEXT],
        "type": "CredentialRequestMessage",
        "holderPid": PID,
        "credentials": asked,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def send(kit: Kit, what: str, token: str | None, prefix: str = "Bearer ", **changes: Any) -> int:
    """Send what a case is about, changed, to the role that it is about."""
    holder, issuer = partial(kit.service, "holder", "CredentialService"), kit.service
    if what == "query":
        return kit.post(holder() + "/presentations/query", token, query(MEMBER), prefix)
    if what == "message":
        return kit.post(holder() + "/credentials", token, message(kit, **changes), prefix)
    if what == "offer":
        return kit.post(holder() + "/offers", token, offer(kit, **changes), prefix)
    if what == "request":
        url = issuer("issuer", "IssuerService") + "/credentials"
        return kit.post(url, token, request(**changes), prefix)
    return kit.post(kit.ours["trigger"], token, {"@type": "CatalogRequestMessage"}, prefix)


# What each is sent with: who bears the token, whom it is for, and what else is in it.
SENDERS = {
    "query": ("verifier", "holder"),
    "message": ("issuer", "holder"),
    "offer": ("issuer", "holder"),
    "request": ("holder", "issuer"),
    "trigger": ("holder", "verifier"),
}


def good(kit: Kit, what: str, bearer: str = "", **changes: Any) -> str:
    known, to = SENDERS[what]
    carried = {"query": lambda: kit.granted(MEMBER), "trigger": lambda: MEMBER}
    access = {"token": carried[what]()} if what in carried else {}
    return kit.token(bearer or known, to, **{**access, **changes})


@pytest.mark.parametrize("what", SENDERS)
def test_tokens(kit: Kit, what: str) -> None:
    """Sections 4.3.3, 5.3.1, 6.4, 6.5 and 6.6: each refused token, and the good one."""
    kit.presenting = None
    token = good(kit, what)
    assert send(kit, what, token) in (200, 201)
    assert 400 <= send(kit, what, token) < 500  # its `jti` was used
    for changes in (
        {"sub": kit.did("thirdparty")},
        {"iss": kit.did("thirdparty")},
        {"aud": kit.did("thirdparty")},
        {"nbf": 1_000_000},
        {"nbf": 60},
        {"iat": 60},
        {"exp": -60},
        {"exp": -1_000_000},
        {"jti": None},
        {"header": {"kid": f"{kit.did(SENDERS[what][0])}#unknown"}},
        {"iss": "did:web:localhost%3A9:nobody", "sub": "did:web:localhost%3A9:nobody"},
    ):
        assert 400 <= send(kit, what, good(kit, what, **changes)) < 500, changes
    for bearer in ("thirdparty", "nocapability"):
        if what != "request" or bearer != "thirdparty":  # anybody may ask this issuer
            assert 400 <= send(kit, what, good(kit, what, bearer)) < 500
    nameless = good(kit, what, "multivm", header={"kid": None})
    assert 400 <= send(kit, what, nameless) < 500
    assert 400 <= send(kit, what, None) < 500
    assert 400 <= send(kit, what, good(kit, what), prefix="") < 500
    kit.keys[SENDERS[what][0]], kept = (
        MemoryEcSigner(kit.did(SENDERS[what][0])),
        kit.keys[SENDERS[what][0]],
    )
    wrong = good(kit, what)
    kit.keys[SENDERS[what][0]] = kept
    assert 400 <= send(kit, what, wrong) < 500
    assert send(kit, what, good(kit, what)) in (200, 201)


def test_what_the_holder_presents(kit: Kit) -> None:
    assert send(kit, "message", good(kit, "message")) == 200
    url = kit.service("holder", "CredentialService") + "/presentations/query"

    def asked(body: dict[str, Any], *names: str) -> int:
        return kit.post(url, kit.token("verifier", "holder", token=kit.granted(*names)), body)

    for wanted, names in (((MEMBER,), (MEMBER,)), ((SENSITIVE,), (MEMBER, SENSITIVE))):
        assert asked(query(*wanted), *names) == 200
        (shown,) = kit.last.json()["presentation"]
        stated = claims_of(shown)
        assert stated["aud"] in (kit.did("verifier"), [kit.did("verifier")])
        inside = [claims_of(each)["vc"]["type"] for each in stated["vp"]["verifiableCredential"]]
        assert inside == [["VerifiableCredential", *wanted]]
    assert 400 <= asked(query(MEMBER, SENSITIVE), MEMBER) < 500
    stated = {"id": "x", "input_descriptors": []}
    assert asked(query(MEMBER, presentationDefinition=stated), MEMBER) == 400
    assert asked(query(scope=[]), MEMBER) == 400
    assert asked(query(), MEMBER) == 400
    for empty in ({}, None):
        assert 400 <= asked(query(presentationDefinition=empty), MEMBER) < 500
    faked = kit.token("verifier", "holder", token="faketoken")
    assert 400 <= kit.post(url, faked, query(MEMBER)) < 500


def test_what_the_holder_takes(kit: Kit) -> None:
    third = {"credentialSubject": {"id": kit.did("thirdparty"), "foo": "bar"}}
    carried = {"credentialType": MEMBER, "format": "x", "payload": kit.credential(MEMBER, **third)}
    rejected = {"status": "REJECTED", "credentials": None, "rejectionReason": "no"}
    for changes, taken in (
        ({}, True),
        ({"holderPid": None}, False),
        ({"holderPid": "another"}, False),
        ({"status": "INVALID_STATUS"}, False),
        ({"credentials": [carried]}, False),
        (rejected, True),
        ({}, True),
    ):
        answered = send(kit, "message", good(kit, "message"), **changes)
        assert (answered == 200) is taken, changes
    for ids, taken in (((), True), (("known",), True), (("unknown",), False)):
        body = offer(kit, *ids)
        url = kit.service("holder", "CredentialService") + "/offers"
        assert (kit.post(url, good(kit, "offer"), body) == 200) is taken
    assert 400 <= send(kit, "offer", good(kit, "offer"), issuer=None) < 500


def test_what_the_issuer_delivers(kit: Kit) -> None:
    url = kit.service("issuer", "IssuerService")
    stated = kit.web.get(url + "/metadata").json()
    assert (stated["type"], stated["issuer"]) == ("IssuerMetadata", kit.ours["issuer"])
    assert {each["profile"] for each in stated["credentialsSupported"]} == {Profile.VC11.value}
    for changes in ({"credentials": None}, {"holderPid": None}):
        assert 400 <= send(kit, "request", good(kit, "request"), **changes) < 500
    kit.delivered.clear()
    token = good(kit, "request", token="of the holder")
    assert send(kit, "request", token, holderPid="delivered") == 201
    pid = kit.last.headers["Location"].rpartition("/")[2]

    def status(token: str | None, pid: str = pid, prefix: str = "Bearer ") -> httpx.Response:
        headers = {} if token is None else {"Authorization": prefix + token}
        return kit.web.get(f"{url}/requests/{pid}", headers=headers)

    for _ in range(200):
        found = status(good(kit, "request")).json()["status"]
        if found == "ISSUED" and any(each["holderPid"] == "delivered" for _, each in kit.delivered):
            break
        threading.Event().wait(0.05)
    mine = [each for each in kit.delivered if each[1]["holderPid"] == "delivered"]
    ((shown, told),) = mine
    claims = claims_of(shown)
    assert claims["token"] == "of the holder"
    assert claims["iss"] == claims["sub"] == kit.ours["issuer"]
    assert claims["aud"] == kit.did("holder")
    assert (told["type"], told["status"]) == ("CredentialMessage", "ISSUED")
    names = [each["credentialType"] for each in told["credentials"]]
    assert names == [MEMBER, SENSITIVE]
    for each in told["credentials"]:
        assert claims_of(each["payload"])["vc"]["issuer"] == kit.ours["issuer"]
    assert status(good(kit, "request", "thirdparty")).status_code == 404
    assert status(good(kit, "request"), "not-exist").status_code == 404
    assert status(None).status_code == status(good(kit, "request"), prefix="").status_code == 401


@pytest.mark.parametrize(
    ("name", "changes", "believed"),
    [
        ("good", {}, True),
        ("more than asked", {}, True),
        ("another type", {}, False),
        ("none", {}, False),
        ("no credential", {}, False),
        ("no access token", {}, False),
        ("another subject", {"credentialSubject": {"id": "did:web:x", "foo": "bar"}}, False),
        ("expired", {"expirationDate": "2020-01-01T00:00:00Z"}, False),
        ("not yet valid", {"issuanceDate": "2099-01-01T00:00:00Z"}, False),
        ("revoked", {}, False),
        ("another schema", {}, False),
        ("its schema", {}, True),
    ],
    ids=lambda each: str(each)[:20],
)
def test_what_the_verifier_believes(
    kit: Kit, name: str, changes: dict[str, Any], believed: bool
) -> None:
    at = f"http://localhost:{kit.port}"
    entry = {
        "id": str(uuid4()),
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "1",
        "statusListCredential": f"{at}/statuslist/1",
    }
    schema = {"credentialSchema": {"id": f"{at}/schema/x", "type": "JsonSchemaValidator2018"}}
    more = {
        "revoked": {"credentialStatus": entry},
        "another schema": {**schema, "credentialSubject": {"id": kit.did("holder")}},
        "its schema": schema,
    }.get(name, changes)
    shown = {
        "good": None,
        "no access token": None,
        "none": list,
        "no credential": lambda: [kit.presentation()],
        "another type": lambda: [kit.presentation(kit.credential("Other"))],
        "more than asked": lambda: [
            kit.presentation(kit.credential(MEMBER), kit.credential(SENSITIVE))
        ],
    }
    kit.presenting = shown.get(name, lambda: [kit.presentation(kit.credential(MEMBER, **more))])
    token = good(kit, "trigger", **({"token": None} if name == "no access token" else {}))
    answered = send(kit, "trigger", token)
    assert answered == 200 if believed else 400 <= answered < 500, kit.last.text


def test_properties_are_those_of_java(tmp_path: Path) -> None:
    given = "# note\n\na.b = x\\\n   y\nc:d\ne f\\=g\n! other\na.b=z"
    assert properties.read(given) == {"a.b": "z", "c": "d", "e": "f=g"}
    properties.write(tmp_path / "k.properties", {"a": "x\\y"})
    assert properties.read((tmp_path / "k.properties").read_text()) == {"a": "x\\y"}


def test_the_kit_listens_where_it_is_called_and_has_a_token_service_beside_its_own_holder(
    tmp_path: Path,
) -> None:
    given = {f"{properties.PREFIX}callback.address": "http://localhost:8099"}
    roles = Roles(tmp_path, free_port(), given)
    for role in PARTIES[:3]:
        told = roles.told(role)
        assert told[f"{properties.PREFIX}port"] == "8099"
        services = {name for name in told if name.startswith(f"{properties.PREFIX}sts.")}
        assert bool(services) == (role == "holder")
    roles.close()


def test_what_the_kit_was_told_before_is_read_again() -> None:
    assert (
        stated_port({f"{properties.PREFIX}did.issuer": "did:web:localhost%3A4712:issuer"}) == 4712
    )
    assert stated_port({f"{properties.PREFIX}did.issuer": "did:web:kit.example:issuer"}) == 0


def test_only_loopback(tmp_path: Path) -> None:
    address = {f"{properties.PREFIX}callback.address": "http://kit.example:8080"}
    with pytest.raises(SystemExit):
        Roles(tmp_path, free_port(), address)
