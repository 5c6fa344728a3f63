"""A payment server that keeps reservations' sessions in its own memory, as one behind a load balancer does.

    python -m bench.decision.session_server --name s1 --port 8101 --service-ms 40

It is what was rejected, made small and honest: a reservation lives in the process that took it, one payment is carried
out at a time and takes ``service-ms``, and whoever asks a server that does not know the session is told so (409).
Cookies: ``server`` names the process, for stickiness by a route.
"""

import argparse
import asyncio
import json
import secrets

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


def application(name: str, service_seconds: float) -> ASGIApp:
    """``POST /reserve``, ``GET /sessions/<id>``, ``POST /pay/<id>``; every answer names its server."""
    sessions: set[str] = set()
    desk = asyncio.Semaphore(1)

    async def answered(method: str, path: str) -> tuple[int, str]:
        _, verb, *rest = path.split("/")
        session = rest[0] if rest else ""
        if (method, verb) == ("POST", "reserve"):
            session = secrets.token_urlsafe(12)
            sessions.add(session)
            return 201, session
        if (method, verb) == ("GET", "sessions"):
            return (200 if session in sessions else 409), session
        if (method, verb) == ("POST", "pay"):
            if session not in sessions:
                return 409, session
            async with desk:
                await asyncio.sleep(service_seconds)
            sessions.discard(session)
            return 200, session
        return 404, session

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("nothing but HTTP is served")
        while (await receive()).get("more_body", False):
            pass
        status, session = await answered(scope["method"], scope["path"])
        body = json.dumps({"server": name, "session": session}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"set-cookie", f"server={name}; Path=/".encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.decision.session_server", description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service-ms", type=float, default=0.0)
    chosen = parser.parse_args()
    served = application(chosen.name, chosen.service_ms / 1000)
    uvicorn.run(served, host="127.0.0.1", port=chosen.port, log_level="error", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
