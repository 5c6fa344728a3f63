"""An organiser's login for tests: it has keys, publishes them, and signs tokens, good ones and any other."""

import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ticketon_contract.config import Login

ISSUER = "https://login.example.com"
AUDIENCE = "gala"


@dataclass
class LoginSite:
    """``keys``: kid -> (algorithm, private key)."""

    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.keys:
            self.add("k1", "ES256")

    def add(self, kid: str, algorithm: str) -> None:
        """A new key of the kind that the algorithm takes."""
        if algorithm.startswith(("RS", "PS")):
            key: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        elif algorithm == "EdDSA":
            key = ed25519.Ed25519PrivateKey.generate()
        else:
            key = ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm])
        self.keys[kid] = (algorithm, key)

    def jwks(self) -> str:
        """The JWK set that the site publishes."""
        return json.dumps({"keys": [self.jwk(kid) for kid in self.keys]})

    def jwk(self, kid: str) -> dict[str, Any]:
        algorithm, key = self.keys[kid]
        of = jwt.get_algorithm_by_name(algorithm)
        return {**json.loads(of.to_jwk(key.public_key())), "kid": kid, "use": "sig"}

    def token(
        self,
        subject: object = "kim@example.com",
        *,
        kid: str | None = None,
        typ: str | None = "JWT",
        headers: Mapping[str, object] | None = None,
        **claims: Any,
    ) -> str:
        """A token that is good for an hour; a claim of None is left out."""
        kid = kid or next(reversed(self.keys))
        algorithm, key = self.keys[kid]
        now = int(time.time())
        payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 3600, **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, key, algorithm, headers={"kid": kid, "typ": typ, **(headers or {})})

    def login(self, **values: Any) -> Login:
        """The configuration that trusts this site's keys of now."""
        return Login(**{"issuer": ISSUER, "audience": AUDIENCE, "jwks": self.jwks(), **values})


@dataclass
class KeySite:
    """The login's own https server, which publishes its keys; ``answer`` replaces what it says."""

    site: LoginSite
    answer: Callable[[], web.Response] | None = None
    asked: int = 0
    port: int = 0

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}/keys"

    async def _serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.answer is not None and request.path == "/keys":
            return self.answer()
        return web.Response(text=self.site.jwks(), content_type="application/json")


@contextlib.asynccontextmanager
async def key_site(site: LoginSite, context: ssl.SSLContext) -> AsyncIterator[KeySite]:
    found = KeySite(site)
    app = web.Application()
    app.router.add_get("/{tail:.*}", found._serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        found.port = runner.addresses[0][1]
        yield found
    finally:
        await runner.cleanup()
