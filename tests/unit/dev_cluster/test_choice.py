"""Which cluster a machine gets."""

import pytest

from ticketon_dev.cluster.choice import Engine, Provider, choose

DOCKER, PODMAN = Engine.DOCKER, Engine.PODMAN


@pytest.mark.parametrize(
    ("context", "answering", "provider", "engine"),
    [
        ("", set(), Provider.DIRECT, None),
        ("", {DOCKER}, Provider.KIND, DOCKER),
        ("", {PODMAN}, Provider.KIND, PODMAN),
        ("", {DOCKER, PODMAN}, Provider.KIND, DOCKER),
        ("staging", set(), Provider.CONTEXT, None),
        ("staging", {DOCKER}, Provider.CONTEXT, None),
    ],
)
def test_a_named_context_wins_then_an_engine_that_answers_then_the_machine_itself(
    context: str, answering: set[Engine], provider: Provider, engine: Engine | None
) -> None:
    chosen = choose(context, frozenset(answering))
    assert (chosen.provider, chosen.engine, chosen.context) == (provider, engine, context)


def test_the_reason_names_what_decided() -> None:
    assert "staging" in choose("staging", frozenset()).because
    assert "podman" in choose("", frozenset({PODMAN})).because
    assert "no docker or podman" in choose("", frozenset()).because
