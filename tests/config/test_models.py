"""What is wrong with a model's numbers is one sentence with the path of the fault, before anything is sent."""

from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.errors import ConfigurationError

CONFIGS = Path(__file__).parents[2] / "configs"
K = "k: {window_s: 300, min: 0.005, max: 0.5}"


@pytest.mark.parametrize(
    ("name", "said", "wrong", "sentence"),
    [
        ("glft", "gamma: 0.05", "gamma: -1", "gamma: -1 is not allowed, it must be greater than 0"),
        ("glft", "gamma: 0.05", "gamma: 0", "gamma: 0 is not allowed, it must be greater than 0"),
        ("glft", K, "k: {value: 0}", "k.value: 0 is not allowed, it must be greater than 0"),
        ("glft", K, "k: {window_s: 300, min: -1, max: 1}", "k.min: -1 is not allowed, it must be greater than 0"),
        ("glft", K, "k: {window_s: 300, min: 2, max: 1}", "k.min: it must not be greater than max"),
        ("glft", K, "k: {window_s: 300, min: 2}", "k.max: missing: what is measured needs window_s, min and max"),
        ("glft", K, "k: {}", "k.value: missing: give it, or window_s, min and max to have it measured"),
        ("glft", K, "k: 0.05", "k: 0.05 is not allowed, it must be a mapping of keys to values"),
        ("glft", K, "kappa: {value: 1}", "kappa is not a known key"),
        ("avellaneda_stoikov", "gamma: 0.001", "gamma: .nan", "gamma: '.nan' is not allowed"),
        ("avellaneda_stoikov", "horizon: rolling", "horizon: finite", "time_step_s: it belongs to the horizon finite"),
        ("avellaneda_stoikov", "k: {value: 0.05}", "k: {value: -0.05}", "k.value: -0.05 is not allowed"),
    ],
)
def test_wrong_numbers_are_refused(name: str, said: str, wrong: str, sentence: str, tmp_path: Path) -> None:
    text = (CONFIGS / f"{name}.yaml").read_text()
    assert text.count(said) == 1
    (tmp_path / "desk.yaml").write_text(text.replace(said, wrong))

    with pytest.raises(ConfigurationError) as refusal:
        load(tmp_path / "desk.yaml")

    assert f"strategies[0].{sentence}" in str(refusal.value)
    assert refusal.value.exit_code == 78
