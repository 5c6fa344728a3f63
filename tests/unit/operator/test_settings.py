"""The operator's environment, as the chart writes it."""

import pytest

from ticketon_operator.settings import Settings, SettingsError

ENVIRONMENT = {
    "TICKETON_OPERATOR_NAMESPACE": "ticketon",
    "TICKETON_QUEUE_IMAGE": "queue-server:1",
    "TICKETON_PAYMENT_IMAGE": "payment-server:1",
}


def test_the_least_that_must_be_set_is_enough() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.images.pull_policy == "IfNotPresent"
    assert settings.watch_namespaces == ()
    assert settings.metrics_port == 9090


def test_lists_are_separated_by_commas() -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "TICKETON_WATCH_NAMESPACES": "shows, sports,"})
    assert settings.watch_namespaces == ("shows", "sports")


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_a_number_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match="TICKETON_SETTLE_SECONDS is 'soon'"):
        Settings.from_environment({**ENVIRONMENT, "TICKETON_SETTLE_SECONDS": "soon"})


def test_two_processes_of_one_pod_are_told_apart() -> None:
    assert Settings.from_environment(ENVIRONMENT).identity != Settings.from_environment(ENVIRONMENT).identity
