"""How a buyer asks again."""

from aiohttp import web
from aiohttp.test_utils import TestServer

from ticketon_dev.crowd import Figures
from ticketon_dev.crowd.door import Door


async def test_a_question_that_is_asked_again_presents_what_another_tab_was_given_meanwhile() -> None:
    tokens, presented = ["identity"], []

    async def busy_at_first(request: web.Request) -> web.Response:
        presented.append(request.headers["Authorization"])
        tokens.append("place")
        return web.json_response({}, status=200 if len(presented) > 1 else 503)

    app = web.Application()
    app.router.add_post("/v1/line", busy_at_first)
    async with (
        TestServer(app) as server,
        Door(Figures(), ca_file=None, connections=1, patience_seconds=30, seed=1) as door,
    ):
        answer = await door.ask("join", "POST", str(server.make_url("/v1/line")), token=lambda: tokens[-1])
    assert (answer.status, presented) == (200, ["Bearer identity", "Bearer place"])
