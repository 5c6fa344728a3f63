"""``python -m ticketon_dev.provider --port 8090 --data books.sqlite``: run the simulator until it is told to end."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from ticketon_dev.provider.application import Provider, application
from ticketon_dev.provider.books import Books
from ticketon_dev.provider.faults import Faults


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ticketon_dev.provider", description=__doc__)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--data", type=Path, help="file of the books (default: in memory)")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="median time of every call")
    parser.add_argument("--latency-p99-ms", type=float, default=0.0, help="makes latency lognormal with this p99")
    parser.add_argument("--timeout-share", type=float, default=0.0, help="share of calls answered too late")
    parser.add_argument("--action-seconds", type=float, default=5.0, help="tok_action confirms itself after this")
    parser.add_argument("--seed", type=int, help="of the shares above")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. The merchant's key, if any, comes from TICKETON_PROVIDER_KEY."""
    arguments = _arguments(argv)
    if arguments.data:
        arguments.data.parent.mkdir(parents=True, exist_ok=True)
    books = Books.open(arguments.data, action_seconds=arguments.action_seconds)
    faults = Faults(
        latency_ms=arguments.latency_ms,
        latency_p99_ms=arguments.latency_p99_ms,
        timeout_share=arguments.timeout_share,
    )
    provider = Provider(books, faults, key=os.environ.get("TICKETON_PROVIDER_KEY", ""), seed=arguments.seed)
    # Lost replies are on purpose: uvicorn's complaints about them are not news.
    uvicorn.run(
        application(provider),
        host=arguments.host,
        port=arguments.port,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
