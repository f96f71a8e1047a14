"""Login and logout as the original's pages call them: a form or JSON in, the cookie of a session out."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import parse_qs

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api.access.principal import Permission, Role
from query_api.answers import plain
from query_api.asked import Asked
from query_api.cedalo.dialect import CEDALO, CodedError, json_answer
from query_api.endpoint import endpoint
from query_api.errors import InvalidError, UnauthorizedError
from query_api.service import Service

MOST_BODY_BYTES: Final = 16_384
ROLES: Final = {
    Role.ADMINISTRATOR: "admin",
    Role.CONNECTION_MANAGER: "connectionManager",
    Role.OPERATOR: "editor",
    Role.VIEWER: "viewer",
}
"""What the original calls them."""
_AROUND: Final = b"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>mqledger</title></head>
<body>
%s</body>
</html>
"""
_WRONG: Final = b"""<p role="alert">Username or password is wrong.</p>
"""
_FORM: Final = b"""<form method="post" action="auth">
<p><label>Username <input name="username" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Login</button></p>
</form>
"""
_WELCOME: Final = b"""<p>You are logged in: <a href="api/connections">connections</a>, <a href="logout">log out</a>.</p>
"""
PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class Login(msgspec.Struct):
    """Who logs in."""

    username: str
    password: str


_decoder = msgspec.json.Decoder(Login)


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    everybody = {"GET": None, "POST": None}
    return [
        endpoint(service, CEDALO, "/auth", {"POST": _log_in}, permissions=everybody),
        endpoint(service, CEDALO, "/logout", {"GET": _log_out}, permissions=everybody),
        endpoint(service, CEDALO, "/login", {"GET": _page}, permissions=everybody),
        endpoint(service, CEDALO, "/", {"GET": _home}, permissions=everybody),
        endpoint(service, CEDALO, "/validate-session", {"GET": _validate}, permissions=everybody),
        endpoint(service, CEDALO, "/api/profile", {"GET": _profile}),
    ]


async def _log_in(asked: Asked) -> ASGIResponse:
    asked.service.access.check_origin(asked)
    wants_json = bool(asked.query.get("json"))
    try:
        login = _login(await asked.body(MOST_BODY_BYTES))
        _, token = await asked.service.access.login(login.username, login.password, asked.address)
    except (UnauthorizedError, InvalidError) as error:
        if wants_json:
            raise CodedError(401, "UNAUTHORIZED", "Unauthorized") from error
        return _redirect("/login?error=authentication-failed", {})
    cookie = {"set-cookie": _cookie(asked, token, asked.service.access.session_seconds)}
    if wants_json:
        return json_answer({"code": "SUCCESS", "message": "Authorized", "successful": True}, cookie)
    return _redirect("/", cookie)


async def _log_out(asked: Asked) -> ASGIResponse:
    return _redirect("/login", {"set-cookie": _cookie(asked, "", 0)})


async def _page(asked: Asked) -> ASGIResponse:
    return _html((_WRONG if asked.query.get("error") else b"") + _FORM)


async def _home(asked: Asked) -> ASGIResponse:
    """Where a login by form ends, on a port of its own: the original's pages are there, and nothing of ours."""
    return _html(_WELCOME) if await _is_in(asked) else _redirect("/login", {})


async def _validate(asked: Asked) -> ASGIResponse:
    return json_answer({"valid": await _is_in(asked)}, {})


async def _is_in(asked: Asked) -> bool:
    """Whether who asks has logged in: who needs no session here has none, and is not let in for changes."""
    try:
        await asked.admit(Permission.READ)
    except UnauthorizedError:
        return False
    return not asked.principal.anonymous


def _html(body: bytes) -> ASGIResponse:
    return plain(_AROUND % body, PAGE_HEADERS, media_type="text/html")


async def _profile(asked: Asked) -> ASGIResponse:
    who = asked.principal
    return json_answer({"username": who.name, "roles": [ROLES[who.role]]}, {})


def _login(content: bytes) -> Login:
    """A form's or a JSON object's: by the body, since scripts often name the wrong type. Raises InvalidError."""
    try:
        if content.lstrip().startswith(b"{"):
            return _decoder.decode(content)
        form = parse_qs(content.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=16)
        return Login(form["username"][0], form["password"][0])
    except (msgspec.DecodeError, ValueError, KeyError) as error:
        raise InvalidError("username and password are missing") from error


def _cookie(asked: Asked, token: str, seconds: int) -> str:
    jar: SimpleCookie = SimpleCookie()
    jar[CEDALO.cookie] = token
    morsel = jar[CEDALO.cookie]
    for name, value in (("path", "/"), ("httponly", True), ("samesite", "Strict"), ("max-age", seconds)):
        morsel[name] = value
    morsel["secure"] = bool(asked.service.settings.tls_cert)
    return morsel.OutputString()


def _redirect(to: str, headers: dict[str, str]) -> ASGIResponse:
    return plain(b"", {"location": to, "cache-control": "no-store", **headers}, 302, "text/plain")
