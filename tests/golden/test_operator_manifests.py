"""What the operator applies for each sample, to the letter: the input is in manifests/samples, the expectation here."""

from pathlib import Path

import pytest
from support import golden
from support.ticket_events import inputs, sample

from ticketon_operator.crd import to_yaml
from ticketon_operator.desired import desired_objects

HERE = Path(__file__).parent / "operator"


@pytest.mark.parametrize("name", ["spring-gala", "minimal", "gateway"])
def test_the_manifests_of_a_sample_are_as_agreed(name: str) -> None:
    event = sample(name)
    documents = [to_yaml(manifest) for manifest in desired_objects(event, inputs(event))]
    golden.check(HERE / f"{name}.yaml", "---\n".join(documents))
