"""How dbt commands grow with ML models and their versions: seconds of processor, and memory.

    python benchmarks/many_models.py                                 1, 60 and 61 ML models of one version
    python benchmarks/many_models.py --models 500 --versions 1 --build
    python benchmarks/many_models.py --models 60 --versions 1 10 50

A boosting of 20 trees is registered for each version, and all of them are copied under other names; each ML
model has a table of 5,000 scored rows. `parse` is a full parse; `build` seeds, scores and tests all of it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from commands import DBT, DbtProject
from cost.measure import measure
from sklearn.ensemble import HistGradientBoostingClassifier

COLUMNS = [f"f{number}" for number in range(10)]
NAME = "ml0000"


def copied(project: DbtProject, name: str) -> None:
    """A copy of the registered ML model under another name, and a table of its own."""
    folder = project.folder
    for place in ("artifacts", "seeds/ml"):
        shutil.copytree(folder / place / NAME, folder / place / name)
    for file in (folder / "seeds/ml" / name).iterdir():
        file.write_text(file.read_text().replace(NAME, name))
        file.rename(file.with_name(file.name.replace(NAME, name)))
    project.python_model(f"scored_{name}", name, key="id")


def taken(project: DbtProject, *words: str) -> str:
    """What a dbt command takes."""
    took = measure([DBT, "--quiet", *words], folder=project.folder, **project.environment)
    return (
        f"{words[0]} {took.core_seconds:.1f} s of the processor, {took.seconds:.1f} s, "
        f"{took.peak_mib:,.0f} MiB"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[1, 60, 61])
    parser.add_argument("--versions", type=int, nargs="+", default=[1])
    parser.add_argument("--build", action="store_true")
    asked = parser.parse_args(arguments)
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(2_000, len(COLUMNS))), columns=COLUMNS)
    y = (X.f0 + draw.normal(size=len(X)) > 0).astype(int)
    boosting = partial(HistGradientBoostingClassifier, max_iter=20, early_stopping=False)
    with tempfile.TemporaryDirectory() as folder:
        project = DbtProject(Path(folder) / "house", variables={"scorehouse_compiled_sql": {}})
        project.writes_files = True
        drawn = ", ".join(f"sin(i * {n + 1}) as {name}" for n, name in enumerate(COLUMNS))
        project.features(f"select i as id, {drawn} from range(5000) as t(i)")
        registered = 0
        for versions in sorted(asked.versions):
            for place in (project.folder / "seeds/ml", project.folder / "artifacts"):
                for copy in place.glob("ml*") if place.is_dir() else ():
                    if copy.name != NAME:
                        shutil.rmtree(copy)
            while registered < versions:
                alias = {"alias": "champion"} if not registered else {}
                # the same estimator would be the same version
                estimator = boosting(learning_rate=0.1 + registered / 1000).fit(X, y)
                version = project.register(estimator, NAME, X, y, task="classification", **alias)
                registered += 1
                assert version.version == registered
            project.python_model(f"scored_{NAME}", NAME, key="id")
            made = 1
            for models in sorted(asked.models):
                for number in range(made, models):
                    copied(project, f"ml{number:04}")
                made = max(made, models)
                told = [taken(project, "parse", "--no-partial-parse")]
                if asked.build:
                    told.append(taken(project, "build"))
                print(f"{models} ML models x {versions} versions: {'; '.join(told)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
