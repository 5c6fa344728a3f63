"""A renewed certificate is served without a restart, and a broken one takes nothing away."""

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest

from ticketon_dev.cluster.direct.authority import authority
from ticketon_http.certificate import Certificate


async def shown(port: int) -> bytes:
    """The certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


def replace(folder: Path, certificate: str, key: str) -> None:
    shutil.copy(folder / f"{certificate}.crt", folder / "tls.crt")
    shutil.copy(folder / f"{key}.key", folder / "tls.key")


async def test_new_connections_get_the_certificate_that_the_files_hold(tmp_path: Path) -> None:
    for name in ("first", "second"):
        authority(tmp_path, name, name)
    replace(tmp_path, "first", "first")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    certificate = Certificate(context, tmp_path / "tls.crt", tmp_path / "tls.key")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        first = await shown(port)
        assert not certificate.refresh()

        replace(tmp_path, "second", "second")
        assert certificate.refresh()
        second = await shown(port)
        assert second != first

        replace(tmp_path, "first", "second")  # a certificate without its key
        assert not certificate.refresh()
        assert await shown(port) == second

        (tmp_path / "tls.crt").unlink()
        assert not certificate.refresh()
        replace(tmp_path, "first", "first")
        assert certificate.refresh()
        assert await shown(port) == first


async def test_files_are_followed_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketon_http.certificate.LOOK_SECONDS", 0.0)
    for name in ("first", "second"):
        authority(tmp_path, name, name)
    replace(tmp_path, "first", "first")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = Certificate(context, tmp_path / "tls.crt", tmp_path / "tls.key")
    following = asyncio.create_task(certificate.follow())
    await asyncio.sleep(0)
    replace(tmp_path, "second", "second")
    for _ in range(3):
        await asyncio.sleep(0)
    assert not certificate.refresh()  # it was taken up already
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
