"""What a provider of OpenID Connect states, and its tokens; each fault has its sound twin."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from connector.domain.provider import Provider
from connector.errors import LoginRefused, Malformed
from connector.identity.oidc import code, discovery, token
from connector.identity.oidc.token import Expected
from connector.jsonld.canonical import b64url
from federated.reading import Member
from tests.support.doubles import NOON
from tests.support.each import over

ISSUER = "https://login.school.example/realms/school"
MIXED = '{"alg": "HS256"}'
NOW = int(NOON.timestamp())
EXPECTED = Expected(ISSUER, "console", "the nonce", "the access token", NOON)
STATED: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "response_types_supported": ["code"],
    "id_token_signing_alg_values_supported": ["RS256"],
}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "7f3a",
    "aud": "console",
    "iat": NOW,
    "exp": NOW + 60,
    "nonce": "the nonce",
    "at_hash": "8kJybPby-BwHrrSnx_oS4A",
}
HALF = list(CLAIMS["at_hash"].encode())
KEYS = {
    "ec": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    "rsa": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "sealing": ECKey.generate_key("P-256", {"kid": "sealing"}),
}
PUBLIC = [each.as_dict(private=False) for each in KEYS.values()]
PUBLIC[-1]["use"] = "enc"
ALL = json.dumps({"keys": [*PUBLIC, {"kty": "OKP", "crv": "X25519", "x": "AA"}]}).encode()


def signed(claims: dict[str, Any], key: str = "ec", **header: Any) -> str:
    said = {"alg": "RS256" if key == "rsa" else "ES256", "kid": key, **header}
    said = {name: value for name, value in said.items() if value is not None}
    payload = json.dumps({k: v for k, v in claims.items() if v is not None}).encode()
    registry = jws.JWSRegistry(algorithms=[said["alg"]], strict_check_header=False)
    return jws.serialize_compact(said, payload, KEYS[key], registry=registry)


def stated(**changes: Any) -> bytes:
    said = {**STATED, **changes}
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


@over("changes", [
        {}, {"code_challenge_methods_supported": ["plain", "S256"]},
        {"id_token_signing_alg_values_supported": ["none", "PS256"]},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]},
        {"authorization_response_iss_parameter_supported": True, "userinfo_endpoint": "https://x.example"},
    ])  # fmt: skip
def test_a_provider_that_fits(changes: dict[str, Any]) -> None:
    found = discovery.read(stated(**changes), ISSUER)
    assert found.token == f"{ISSUER}/token"
    assert found.names_itself is ("userinfo_endpoint" in changes)
    assert bool(found.person) is ("userinfo_endpoint" in changes)
    posts = "token_endpoint_auth_methods_supported" in changes
    assert found.method == ("client_secret_post" if posts else "client_secret_basic")


@over("changes", [
        {"issuer": f"{ISSUER}/"}, {"issuer": None}, {"token_endpoint": None},
        {"jwks_uri": "http://x.example"}, {"token_endpoint": "https://a@x.example"},
        {"authorization_endpoint": "javascript:alert(1)"}, {"jwks_uri": "https://"},
        {"authorization_endpoint": "https://x.example/#a"}, {"jwks_uri": "https://[x"},
        {"authorization_endpoint": "https://x.example/\r\nset-cookie: a=b"},
        {"end_session_endpoint": "http://x.example"}, {"userinfo_endpoint": 7},
        {"response_types_supported": ["id_token"]}, {"response_types_supported": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"id_token_signing_alg_values_supported": ["HS256", "none"]},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
    ])  # fmt: skip
def test_a_provider_that_does_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match=r"statement|offer|secret"):
        discovery.read(stated(**changes), ISSUER)


@over("data", [b"", b"[]", b"{", b'{"issuer": "a", "issuer": "b"}', b" " * (discovery.LIMIT + 1)])
def test_what_is_no_statement(data: bytes) -> None:
    with pytest.raises(Malformed):
        discovery.read(data, ISSUER)


def test_where_a_provider_states_what_it_does() -> None:
    for issuer in (ISSUER, f"{ISSUER}/"):
        assert discovery.address(issuer) == f"{ISSUER}/.well-known/openid-configuration"


@over(("key", "header", "claims"), [
        ("ec", {}, {}), ("rsa", {}, {}), ("rsa", {"alg": "PS256"}, {}), ("ec", {"kid": None}, {}),
        ("ec", {"typ": "JWT"}, {}), ("ec", {}, {"at_hash": None}),
        ("ec", {}, {"aud": ["console", "another"], "azp": "console"}),
        ("ec", {}, {"exp": NOW - 29}), ("ec", {}, {"iat": NOW + 30}), ("ec", {}, {"nbf": NOW + 30}),
        ("ec", {}, {"iat": NOW - 600.5, "groups": ["a"]}), ("ec", {}, {"amr": "pwd", "jti": 7}),
    ])  # fmt: skip
def test_a_token_of_this_login(key: str, header: dict[str, Any], claims: dict[str, Any]) -> None:
    said = token.verified(signed({**CLAIMS, **claims}, key, **header), ALL, EXPECTED)
    assert token.subject(said) == "7f3a"


@over(("key", "header", "claims"), [
        ("ec", {"kid": "rsa"}, {}), ("ec", {"kid": "none"}, {}), ("sealing", {}, {}),
        ("rsa", {"alg": "RS512"}, {}), ("ec", {"crit": ["b64"], "b64": True}, {}),
        ("ec", {"typ": "logout+jwt"}, {}), ("rsa", {"kid": "ec"}, {}),
        ("ec", {}, {"iss": f"{ISSUER}/"}), ("ec", {}, {"iss": None}), ("ec", {}, {"aud": None}),
        ("ec", {}, {"aud": "another"}), ("ec", {}, {"aud": ["console", "another"]}),
        ("ec", {}, {"azp": "another"}), ("ec", {}, {"aud": {"console": 1}}),
        ("ec", {}, {"nonce": None}), ("ec", {}, {"nonce": "another"}), ("ec", {}, {"nonce": 7}),
        ("ec", {}, {"at_hash": "another"}), ("ec", {}, {"at_hash": ["another"]}),
        ("ec", {}, {"exp": NOW - 31}), ("ec", {}, {"exp": None}), ("ec", {}, {"exp": "2030"}),
        ("ec", {}, {"iat": NOW + 31}), ("ec", {}, {"iat": NOW - 631}), ("ec", {}, {"iat": None}),
        ("ec", {}, {"nbf": NOW + 31}), ("ec", {}, {"exp": True}), ("ec", {}, {"sub": None}),
        ("ec", {}, {"sub": ""}), ("ec", {}, {"sub": "a b"}), ("ec", {}, {"sub": "x" * 256}),
        ("ec", {}, {"sub": "é"}), ("ec", {}, {"azp": ""}), ("ec", {}, {"azp": ["console"]}),
        ("ec", {}, {"at_hash": ""}), ("ec", {}, {"at_hash": 0}), ("ec", {}, {"at_hash": HALF}),
        ("ec", {}, {"nonce": ["the nonce"]}), ("ec", {}, {"exp": 10**400}), ("ec", {}, {"nbf": -1}),
        ("ec", {}, {"iss": [ISSUER]}), ("ec", {}, {"aud": ["console", 7], "azp": "console"}),
    ])  # fmt: skip
def test_a_token_of_something_else(
    key: str, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    with pytest.raises(LoginRefused, match=r"^(the provider's token|what the provider)"):
        token.verified(signed({**CLAIMS, **claims}, key, **header), ALL, EXPECTED)


def test_a_token_that_nobody_of_the_provider_signed() -> None:
    sound = signed(CLAIMS)
    head, body, signature = sound.split(".")
    none = b64url(b'{"alg": "none"}')
    other = ECKey.generate_key("P-256")
    forged = jws.serialize_compact({"alg": "ES256", "kid": "ec"}, json.dumps(CLAIMS), other)
    mixed = f"{b64url(bytes(MIXED, 'ascii'))}.{body}"
    public = KEYS["ec"].as_pem(private=False)
    mixed = f"{mixed}.{b64url(hmac.digest(public, mixed.encode(), 'sha256'))}"
    flipped = f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    for bad in (
        "x" * (token.LIMIT + 1),
        "",
        "a.b",
        f"{none}.{body}.",
        forged,
        mixed,
        flipped,
        f"{sound}.x",
        "é.é.é",
    ):
        with pytest.raises(LoginRefused):
            token.verified(bad, ALL, EXPECTED)
    assert token.verified(sound, ALL, EXPECTED)


@over("keys", [b"", b"{}", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [7]}'])
def test_keys_that_are_none(keys: bytes) -> None:
    with pytest.raises(LoginRefused):
        token.verified(signed(CLAIMS), keys, EXPECTED)


def test_several_keys_are_told_apart_by_name() -> None:
    other = ECKey.generate_key("P-256", {"kid": "other"}).as_dict(private=False)
    keys = json.dumps({"keys": [*PUBLIC, other]}).encode()
    with pytest.raises(LoginRefused):
        token.verified(signed(CLAIMS, kid=None), keys, EXPECTED)
    assert token.verified(signed(CLAIMS), keys, EXPECTED)


def test_a_token_is_of_its_time() -> None:
    later = Expected(ISSUER, "console", "the nonce", "the access token", NOON + timedelta(hours=1))
    with pytest.raises(LoginRefused):
        token.verified(signed(CLAIMS), ALL, later)


@over("nonce", [None, "", "the nonce"])
def test_a_login_without_a_nonce_takes_no_token(nonce: str | None) -> None:
    with pytest.raises(LoginRefused, match="of another login"):
        token.verified(signed({**CLAIMS, "nonce": nonce}), ALL, replace(EXPECTED, nonce=""))


@over(("claims", "path", "found"), [
        ({"a": "x"}, "a", {"x"}), ({"a": ["x", "y", "x"]}, "a", {"x", "y"}),
        ({"a": []}, "a", set()),
        ({}, "a", None), ({"a": None}, "a", None), ({"a": {"b": ["x"]}}, "a.b", {"x"}),
        ({"a.b": "x", "a": {"b": "y"}}, "a.b", {"x"}), ({"a": "x"}, "a.b", None),
        ({"email": "x", "email_verified": True}, "email", {"x"}),
    ])  # fmt: skip
def test_groups(claims: dict[str, Any], path: str, found: set[str] | None) -> None:
    assert token.groups(claimed(claims), path) == found


@over("claims", [
        {"a": 7}, {"a": {"b": "x"}}, {"a": ["x", 7]}, {"a": True}, {"a": [["x"]]},
        {"email": "x"}, {"email": "x", "email_verified": "true"},
    ])  # fmt: skip
def test_what_is_no_groups(claims: dict[str, Any]) -> None:
    with pytest.raises(LoginRefused):
        token.groups(claimed(claims), next(iter(claims)))


def claimed(claims: dict[str, Any]) -> Member:
    return token.verified(signed({**CLAIMS, **claims}), ALL, EXPECTED)


@over("query", [{}, {"code": ""}, {"code": "a\nb"}, {"code": "x" * 4097}, {"code": "é"}])
def test_an_answer_without_a_code(query: dict[str, str]) -> None:
    endpoints = discovery.read(stated(), ISSUER)
    with pytest.raises(LoginRefused, match="holds no code"):
        code.brought(query, endpoints, ISSUER)
    assert code.brought({"code": "a b", "state": "x"}, endpoints, ISSUER) == "a b"


@over(("answer", "said"), [
        (b'{"error": "invalid_grant"}', "invalid_grant"), (b"", "unknown"), (b"[]", "unknown"),
        (b'{"error": 7}', "unknown"), (b'{"error": "<b>Dana Martin</b>"}', "unknown"),
    ])  # fmt: skip
def test_why_a_code_was_not_redeemed(answer: bytes, said: str) -> None:
    assert code.refused(answer).reason == f"the provider refused: `{said}`"


@over("changes", [
        {"token_type": "DPoP"}, {"token_type": None}, {"id_token": None}, {"access_token": ""},
        {"access_token": "a b"}, {"id_token": 7},
    ])  # fmt: skip
def test_what_a_code_is_redeemed_for(changes: dict[str, Any]) -> None:
    sound = {"id_token": "a.b.c", "access_token": "d", "token_type": "bearer", "expires_in": 60}
    assert code.redeemed(json.dumps(sound).encode()) == ("a.b.c", "d")
    with pytest.raises(Malformed, match="answer"):
        code.redeemed(json.dumps({**sound, **changes}).encode())


def test_where_one_logs_out() -> None:
    named = Provider(ISSUER, "the console", {})
    assert code.farewell(discovery.read(stated(), ISSUER), named) == ""
    leads = discovery.read(stated(end_session_endpoint="https://x.example/?a=b"), ISSUER)
    assert code.farewell(leads, named) == "https://x.example/?a=b&client_id=the+console"
