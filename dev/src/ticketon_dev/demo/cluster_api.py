"""Reading a cluster many times a second: its API server through one ``kubectl proxy``. Imports aiohttp.

Changes go through ``ticketon_dev.cluster.kubectl``; starting kubectl for every look would cost more than the sale. The
same way works for every kind of cluster, for pods' own pages (the API server's proxy) and for kubelets' figures.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from ticketon_contract.names import GROUP, METRICS_PORT, PLURAL, VERSION
from ticketon_dev.demo.tunnel import serving

ANSWER_SECONDS = 8.0
BOOKS_PAGE = 500

Object = dict[str, Any]


class UnreadableError(Exception):
    """The cluster did not answer a look; the next one may go better. Carries the path and what came instead."""


class ClusterApi:
    """Looks at one cluster. ``open_api`` makes one."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def text(self, path: str) -> str:
        """GET a path of the API server; raises UnreadableError."""
        try:
            async with self._session.get(path) as reply:
                text = await reply.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            raise UnreadableError(f"{path}: {broken or type(broken).__name__}") from broken
        if reply.status != 200:
            raise UnreadableError(f"{path}: {reply.status} {text[:200]}")
        return text

    async def get(self, path: str) -> Object:
        found: Object = json.loads(await self.text(path))
        return found

    async def event(self, namespace: str, name: str) -> Object:
        """Return one TicketEvent."""
        return await self.get(f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}")

    async def pods(self, namespace: str, selector: str) -> list[Object]:
        """Return the pods that a label selector names."""
        found = await self.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(selector)}")
        return list(found["items"])

    async def pod_metrics(self, namespace: str, pod: str) -> str:
        """Return what a pod says on /metrics."""
        return await self.text(f"/api/v1/namespaces/{namespace}/pods/{pod}:{METRICS_PORT}/proxy/metrics")

    async def kubelet_summaries(self) -> list[Object]:
        """Return CPU and memory of all pods, one document a node."""
        nodes = await self.get("/api/v1/nodes")
        names: Sequence[str] = [node["metadata"]["name"] for node in nodes["items"]]
        return [await self.get(f"/api/v1/nodes/{name}/proxy/stats/summary") for name in names]

    async def provider_books(self, namespace: str, service: str = "provider", port: int = 8090) -> list[Object]:
        """Read all that the provider's simulator has in its books."""
        base = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/v1/books"
        entries: list[Object] = []
        cursor: dict[str, int] = {}
        while True:
            page = await self.get(f"{base}?{urlencode({'limit': BOOKS_PAGE, **cursor})}")
            entries += page["items"]
            if len(page["items"]) < BOOKS_PAGE:
                return entries
            cursor = {"after": page["next"]}


@asynccontextmanager
async def open_api(kubectl: Sequence[str]) -> AsyncIterator[ClusterApi]:
    """Run ``kubectl proxy`` for as long as the block lasts. ``kubectl``: the program and what names the cluster.

    Raises SetupError when it does not start.
    """
    async with serving([*kubectl, "proxy", "--port=0"]) as port:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout) as session:
            yield ClusterApi(session)
