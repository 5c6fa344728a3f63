"""Which cluster a machine gets."""

import pytest

from ticketon_dev.cluster.choice import Choice, Engine, Provider, choose, understood, written

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


def test_a_cluster_that_is_up_stays_what_it_is_when_an_engine_is_started_later() -> None:
    running = choose("", frozenset())
    assert choose("", frozenset({DOCKER}), running) is running
    assert choose("staging", frozenset({DOCKER}), running).provider is Provider.CONTEXT


@pytest.mark.parametrize(
    "chosen", [choose("", frozenset()), choose("", frozenset({PODMAN})), choose("a b", frozenset())]
)
def test_a_choice_is_kept_as_text(chosen: Choice) -> None:
    assert understood(written(chosen)) == chosen


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"provider": "cloud", "because": "", "context": "", "engine": null}']
)
def test_a_text_that_is_no_choice_is_none(text: str) -> None:
    assert understood(text) is None
