"""The variable `scorehouse_retrain`: what each setting takes, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from retrained import SETTINGS
from scorehouse.errors import ConfigurationError
from scorehouse.retraining.settings import _checked, settings_of


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"functoin": "a:b"}, "unknown setting 'functoin'; did you mean 'function'?"),
        ({"function": "learning.loyal.train"}, "has function: 'learning.loyal.train'"),
        ({"label": None}, "has no label"),
        ({"label": ["a", 1]}, "has label: ('a', 1)"),
        ({"label": {"week_1": None}}, "has label: {'week_1': None}"),
        ({"holdout": 1.5}, "has holdout: 1.5"),
        ({"holdout": "a month"}, "has holdout: 'a month'"),
        ({"seed": -1}, "has seed: -1"),
        ({"alias": "champion"}, "has alias: 'champion'"),
        ({"promote": "always"}, "has promote: 'always'"),
        ({"promote": "when_gate_passes", "gate": None}, "but no gate"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    own = {key: value for key, value in {**SETTINGS, **changed}.items() if value is not None}
    document = {"name": "shop", "vars": {"scorehouse_retrain": {"loyal": own}}}
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigurationError) as error:
        settings_of(tmp_path, "loyal", "retrain loyal")
    assert said in str(error.value)


def test_settings_are_read_as_they_are_written(tmp_path: Path) -> None:
    own = {**SETTINGS, "shadow": "one", "holdout": "30 days", "features": ["a", "b"]}
    document = {"name": "shop", "vars": {"scorehouse_retrain": {"loyal": own}}}
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump(document))
    found = settings_of(tmp_path, "loyal", "retrain loyal")
    assert (found.shadow, found.holdout, found.features) == (("one",), "30 days", ("a", "b"))
    with pytest.raises(ConfigurationError, match="no settings for 'loyl'; did you mean 'loyal'"):
        settings_of(tmp_path, "loyl", "retrain loyl")


LIMITS: dict[str, tuple[list[Any], list[Any]]] = {  # what a setting takes, and what it does not
    "holdout": (
        [1e-9, 0.999, "1 day", "48 hours", "2025-01-31"],
        [0.0, 1.0, 5, True, "1 days ", "2025-1-31"],
    ),
    "seed": ([0, 2**32 - 1], [-1, 2**32, True, 1.0]),
    "min_rows": ([0, 1], [-1, False, 2.0]),
    "label": (["y", ["y"], {"o": "y"}], ["", " ", [], ["y", ""], {}, {"o": ""}, {"": "y"}, 5]),
    "features": ([["a"], ["a", "b"]], [[], "a", ["a", " "]]),
    "shadow": ([[], ["a"], "a"], [["a", ""], 5]),
    "function": (["a:b", "_a.b9:_c"], ["a", "a:b:c", "9a:b", "a:b.c", 5]),
    "calibrate": (["sigmoid", "isotonic", "none"], ["platt"]),
    "alias": (["challenger"], ["champion", ""]),
    "promote": (["by_a_person"], ["by_hand"]),
    "training": (["rows"], ["", 5]),
    "time": (["day"], [" ", 5]),
    "gate": (["not_worse"], ["", 5]),
    "format": (["onnx"], ["", 5]),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_a_setting_takes(name: str) -> None:
    needed = {"training": "rows", "function": "a:b", "label": "y", "time": "day"}
    found = _checked(needed, "loyal", "x")
    assert (found.holdout, found.seed, found.min_rows, found.promote) == (0.2, 0, 200, "by_a_person")
    taken, refused = LIMITS[name]
    for value in taken:
        _checked({**needed, name: value}, "loyal", "x")
    for value in refused:
        with pytest.raises(ConfigurationError, match=f"scorehouse_retrain of loyal has {name}: "):
            _checked({**needed, name: value}, "loyal", "x")
    if name in needed:
        with pytest.raises(ConfigurationError, match=f"of loyal has no {name}[^~]*add {name} in dbt_project"):
            _checked({key: value for key, value in needed.items() if key != name}, "loyal", "x")
