"""The authorization code flow: where a browser is led, and what redeems the code that it brings.

Authlib writes what is asked, but for the secret in a header; what is answered is read here.

Source: OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE, S256); RFC 9207; RFC 6749, section
2.3.1 (the secret of a client).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from connector.domain.provider import Provider
from connector.errors import LoginRefused, Malformed
from connector.identity.oidc.discovery import Endpoints
from connector.identity.oidc.login import Secrets
from federated.reading import read as parsed

FORM: Final = "application/x-www-form-urlencoded"
LIMIT: Final = 1024 * 1024  # bytes
_CODE: Final = re.compile(r"[ -~]{1,4096}")
_TOKEN: Final = r"[!-~]+"  # noqa: S105 - its form; RFC 6750 section 2.1 allows less
_ERROR: Final = re.compile(r"[a-z_]{1,40}")  # as registered, RFC 6749 section 4.1.2.1


def asked(endpoints: Endpoints, provider: Provider, redirect: str, login: Secrets) -> str:
    """Return the address to which a browser is led to log in.

    Args:
        endpoints: of the provider.
        provider: as the settings name it.
        redirect: where the browser comes back.
        login: of this one.
    """
    address = prepare_grant_uri(
        endpoints.authorization,
        provider.client_id,
        "code",
        redirect,
        provider.scopes,
        login.state,
        nonce=login.nonce,
        code_challenge=create_s256_code_challenge(login.verifier),
        code_challenge_method="S256",
    )
    return str(address)


def brought(query: Mapping[str, str], endpoints: Endpoints, issuer: str) -> str:
    """Return the code that a browser brings back.

    Args:
        query: of its address.
        endpoints: of the provider.
        issuer: of the provider.

    Raises:
        LoginRefused: the provider refused, the answer is of another one, or holds no code.
    """
    named = query.get("iss")
    if named != issuer and (named is not None or endpoints.names_itself):  # RFC 9207 section 2.4
        raise LoginRefused("the answer is of another provider than was asked")
    error = query.get("error", "")
    if error:
        said = error if _ERROR.fullmatch(error) else "unknown"
        raise LoginRefused(
            f"the provider refused: `{said}`", hint="begin again, or ask its operator"
        )
    code = query.get("code", "")
    if not _CODE.fullmatch(code):
        raise LoginRefused("the answer of the provider holds no code")
    return code


def redeeming(
    endpoints: Endpoints, provider: Provider, redirect: str, secret: str, code: str, verifier: str
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the request that redeems a code.

    Args:
        endpoints: of the provider.
        provider: as the settings name it.
        redirect: as the browser was told.
        secret: of this client.
        code: that the browser brought.
        verifier: of this login.
    """
    form = {"code": code, "code_verifier": verifier}
    headers = {"Content-Type": FORM, "Accept": "application/json"}
    if endpoints.method == "client_secret_post":
        form |= {"client_id": provider.client_id, "client_secret": secret}
    else:  # RFC 6749 section 2.3.1: encoded first, as Authlib does not
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    body = prepare_token_request("authorization_code", redirect_uri=redirect, **form)
    return body.encode(), headers


def refused(answer: bytes) -> LoginRefused:
    """Return why a provider did not redeem a code, by its answer (RFC 6749 section 5.2)."""
    try:
        said = parsed(answer, _refused, limit=LIMIT).child("error").content()
    except Malformed:
        said = ""
    return _refusal(said)


def redeemed(answer: bytes) -> tuple[str, str]:
    """Return the ID token and the access token that a code was redeemed for.

    Raises:
        Malformed: there are none.
    """
    said = parsed(answer, _refused, limit=LIMIT)
    if said.child("token_type").content().lower() != "bearer":  # Core, section 3.1.3.3
        raise Malformed("its answer holds a token of another type")
    tokens = said.child("id_token"), said.child("access_token")
    identity, access = (each.text(most=LIMIT, pattern=_TOKEN) for each in tokens)
    return identity, access


def farewell(endpoints: Endpoints, provider: Provider) -> str:
    """Return the address to which a browser is led to log out there; empty where there is none.

    Source: OpenID Connect RP-Initiated Logout 1.0, section 2.
    """
    if not endpoints.farewell:
        return ""
    return str(add_params_to_uri(endpoints.farewell, {"client_id": provider.client_id}))


def _refusal(error: str) -> LoginRefused:
    said = error if _ERROR.fullmatch(error) else "unknown"  # never what else was written
    return LoginRefused(
        f"the provider refused: `{said}`", hint="begin again, or ask the operator of this node"
    )


def _refused(pointer: str, fault: str) -> Malformed:
    return Malformed(f"its answer {pointer or '/'} {fault}")
