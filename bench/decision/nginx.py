"""A real nginx of Debian's in front of servers of ours: configuration, start, reload. Nothing else here knows nginx.

It runs from a folder of its own on an unprivileged port and touches nothing under /etc. Client addresses are the ones
that ``X-Forwarded-For`` tells, by the realip module, because one machine cannot send from thousands of addresses; what
``ip_hash`` sees is the same as with true ones.
"""

import http.client
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import psutil

from ticketon_dev.progress import Progress
from ticketon_dev.stores.debian import ensure_package
from ticketon_dev.stores.process import StoreError, StoreServer

RELOADED_WITHIN_SECONDS = 10.0
GENERATION = "X-Generation"


class Balance(StrEnum):
    """How nginx spreads clients over servers.

    Stickiness by cookie is done with what the open source nginx has, for ``sticky`` is not in it: nginx gives a key of
    its own in a cookie and hashes that (COOKIE_HASH), or the server's own cookie names the server (COOKIE_ROUTE).
    """

    ROUND_ROBIN = "round robin"
    IP_HASH = "ip_hash"
    COOKIE_HASH = "cookie, hashed"
    COOKIE_ROUTE = "cookie, names the server"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of what TLS is served with."""

    certificate: Path
    key: Path


def program() -> str | None:
    """Where nginx is, or None; /usr/sbin is not on everybody's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def ensure_nginx(progress: Progress) -> None:
    """Put nginx on the machine if it is missing; SetupError where that cannot be done."""
    ensure_package("nginx", present=lambda: program() is not None, progress=progress)


def version() -> str:
    """As it says of itself, e.g. ``nginx/1.22.1``."""
    told = subprocess.run([program() or "nginx", "-v"], check=True, capture_output=True, text=True)
    return told.stderr.strip().rpartition(" ")[2]


class Nginx(StoreServer):
    """One nginx in front of ``servers`` (``host:port``, each also known by its name)."""

    name: ClassVar[str] = "nginx"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self, folder: Path, balance: Balance, servers: dict[str, str], *, tls: Certificate | None = None
    ) -> None:
        super().__init__(folder)
        self._tls = tls
        self._balance = balance
        self._servers = servers
        self._generation = 1

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Write the configuration."""
        text = configuration(self._balance, self._servers, port=self.port, generation=self._generation, tls=self._tls)
        (self.folder / "nginx.conf").write_text(text)

    def command(self) -> Sequence[str]:
        """Give its command line: in the foreground, with its log on standard error."""
        return [program() or "nginx", "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]

    def answers(self) -> bool:
        """Whether the newest configuration is served: a reload hands over to new workers in its own time."""
        if self._tls:
            blind = ssl._create_unverified_context()  # noqa: SLF001, S323 - whether it answers is all that is asked
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=1, context=blind
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/generation")
            return connection.getresponse().getheader(GENERATION) == str(self._generation)
        except http.client.HTTPException:
            return False
        finally:
            connection.close()

    def serve(self, balance: Balance, servers: dict[str, str]) -> None:
        """Go over to other servers by a reload, as people do; returns when all of nginx has. Raises StoreError."""
        self._balance, self._servers = balance, servers
        self._generation += 1
        self.prepare()
        if self.process is None:
            raise StoreError("nginx is not running: start() it first")
        former = self.process.children()
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + RELOADED_WITHIN_SECONDS
        # New workers begin before the former ones are told to stop accepting.
        while any(_accepts(worker) for worker in former) or not self._answers_now():
            if time.monotonic() > deadline:
                raise StoreError(f"nginx does not take its new configuration: see {self.log}")
            time.sleep(0.02)

    def _answers_now(self) -> bool:
        try:
            return self.answers()
        except OSError:
            return False


def _accepts(worker: psutil.Process) -> bool:
    """Whether a worker still takes connections: its title says when it only ends those it has."""
    try:
        title = " ".join(worker.cmdline())
    except psutil.NoSuchProcess:
        return False
    return bool(title) and "shutting down" not in title


def configuration(
    balance: Balance, servers: dict[str, str], *, port: int, generation: int = 1, tls: Certificate | None = None
) -> str:
    """The whole of nginx.conf."""
    peers = "\n".join(f"    server {address} max_fails=1 fail_timeout=10s;" for address in servers.values())
    method = {Balance.IP_HASH: "    ip_hash;\n", Balance.COOKIE_HASH: "    hash $key consistent;\n"}.get(balance, "")
    upstreams = [f"  upstream any {{\n{method}{peers}\n    keepalive 32;\n  }}"]
    maps, headers, target = "", "", "any"
    if balance is Balance.COOKIE_HASH:
        # The first request has no cookie yet: its own id is the key, and goes back as the cookie.
        maps = '  map $cookie_key $key { "" $request_id; default $cookie_key; }\n'
        headers = '      add_header Set-Cookie "key=$key; Path=/" always;\n'
    if balance is Balance.COOKIE_ROUTE:
        upstreams += [
            f"  upstream {name} {{\n    server {address} max_fails=0;\n    keepalive 32;\n  }}"
            for name, address in servers.items()
        ]
        routes = " ".join(f'"{name}" {name};' for name in servers)
        maps, target = f"  map $cookie_server $target {{ default any; {routes} }}\n", "$target"
    blocks = "\n".join(upstreams)
    listen = f"listen 127.0.0.1:{port}{' ssl' if tls else ''} backlog=4096;"
    if tls:
        listen += f" ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key};"
    return f"""worker_processes 1;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
  keepalive_requests 100000;
{maps}{blocks}
  server {{
    {listen}
    location = /generation {{ add_header {GENERATION} {generation}; return 204; }}
    location / {{
{headers}      proxy_pass http://{target};
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_connect_timeout 1s; proxy_read_timeout 60s;
    }}
  }}
}}
"""
