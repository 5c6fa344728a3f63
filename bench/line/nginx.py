"""nginx with Lua, both Debian's, doing the same join on one core: what a platform team would write instead of ours."""

import http.client
import signal
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.decision.nginx import program
from bench.line.door import LINE, Door
from bench.line.script import JoinScript
from ticketon_contract.keys import Purpose
from ticketon_dev.progress import Progress
from ticketon_dev.stores.debian import ensure_package
from ticketon_dev.stores.process import StoreServer

_CODE = Path(__file__).parent / "scripts" / "nginx_join.lua"
_MODULES = Path("/usr/lib/nginx/modules")
_LUA_MODULES = (_MODULES / "ndk_http_module.so", _MODULES / "ngx_http_lua_module.so")


def ensure_nginx_lua(progress: Progress) -> None:
    """Put nginx, its Lua module and Lua's JSON on the machine; SetupError where that cannot be done."""
    for package in ("libnginx-mod-http-lua", "lua-cjson"):
        ensure_package(package, present=partial(_installed, package), progress=progress)


def _installed(package: str) -> bool:
    told = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package], check=False, capture_output=True, text=True
    )
    return told.stdout == "installed"


class NginxJoin(StoreServer):
    """One worker of nginx that answers ``POST /show/v1/line``."""

    name: ClassVar[str] = "nginx"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, door: Door, script: JoinScript) -> None:
        super().__init__(folder)
        self._door = door
        self._script = script

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Write the configuration, and the settings of the Lua code: keys, script, Redis."""
        (self.folder / "join.lua").write_text(f"{_settings(self._door, self._script)}\n{_CODE.read_text()}")
        (self.folder / "nginx.conf").write_text(_configuration(self.port, self.folder / "join.lua"))

    def command(self) -> Sequence[str]:
        return [program() or "nginx", "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]

    def answers(self) -> bool:
        """Whether a stranger is refused: everything was loaded."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("POST", LINE)
            return connection.getresponse().status == 401
        except http.client.HTTPException:
            return False
        finally:
            connection.close()


def _settings(door: Door, script: JoinScript) -> str:
    """Lua's table of settings; ``command`` is the beginning of the request in Redis' protocol."""
    words = [*script.command, "", "", "", ""]  # a visit has four words
    command = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in script.command)
    values: dict[str, str | bytes | int] = {
        "key_id": door.ring.active,
        "identity_key": _key(door, Purpose.IDENTITY),
        "place_key": _key(door, Purpose.PLACE),
        "command": command,
        "redis_port": door.stores.redis.port,
    }
    fields = ", ".join(
        f"{name} = {value}" if isinstance(value, int) else f"{name} = {_quoted(value)}"
        for name, value in values.items()
    )
    return f"local settings = {{ {fields} }}"


def _key(door: Door, purpose: Purpose) -> bytes:
    return door.ring.for_purpose(purpose)[door.ring.active]


def _quoted(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return '"' + "".join(f"\\{byte:03d}" for byte in raw) + '"'


def _configuration(port: int, code: Path) -> str:
    modules = "\n".join(f"load_module {module};" for module in _LUA_MODULES)
    return f"""{modules}
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 100000000;
  init_by_lua_block {{ join = dofile('{code}') }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = {LINE} {{ content_by_lua_block {{ join() }} }}
  }}
}}
"""
