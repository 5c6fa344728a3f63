"""The floor under every poll: an ASGI application that answers a constant, on the HTTP server that ours runs on.

    python -m bench.line.floor BYTES

It answers anything with as many bytes of JSON. Without guard, gateway, metrics or probes: nothing written in Python for
the same server can be faster.
"""

import json
import socket
import sys

import uvicorn
from starlette.types import Receive, Scope, Send

from ticketon_http.runner import BACKLOG, KEEP_ALIVE_SECONDS


def main() -> None:
    body = b"x" * int(sys.argv[1])
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    end = {"type": "http.response.body", "body": body}

    async def constant(_: Scope, __: Receive, send: Send) -> None:
        await send(start)
        await send(end)

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(json.dumps({"message": "listening", "http_port": listener.getsockname()[1]}), flush=True)
    config = uvicorn.Config(
        constant,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
