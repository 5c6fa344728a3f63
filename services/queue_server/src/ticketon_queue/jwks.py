"""Reads an issuer's JWK set over HTTPS, within bounds of time and size. The only importer of aiohttp."""

import asyncio
import ssl

import aiohttp

from ticketon_queue.login import MAX_JWKS_BYTES

FETCH_SECONDS = 5.0


class FetchError(Exception):
    """The issuer's address did not give a key set; the text says why, and is safe to log."""


async def fetch(address: str) -> bytes:
    """Return the body of a 200. Raises FetchError. No redirect is followed: keys come from the address that was given.

    Certificates are checked against the system's authorities, or those of ``SSL_CERT_FILE``.
    """
    if not address.startswith("https://"):
        raise FetchError("the keys of a login are read over https only")
    try:
        authorities = await asyncio.to_thread(ssl.create_default_context)
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS)) as session,
            session.get(
                address, ssl=authorities, allow_redirects=False, headers={"accept": "application/json"}
            ) as answer,
        ):
            if answer.status != 200:
                raise FetchError(f"the issuer answers {answer.status} for its keys")
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MAX_JWKS_BYTES:
                    raise FetchError(f"the key set has more than {MAX_JWKS_BYTES} bytes")
            return bytes(body)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from error
