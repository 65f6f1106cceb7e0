"""How many public repositories and files name each estimator: docs/usage.csv, for the page of backends.

    python benchmarks/usage.py FOLDER/*

takes bare clones of repositories, named owner+name or inside a folder of that name. A file of Python, or a
notebook, counts once for each class that it calls and that predicts or transforms new rows. It says what
courses, books and examples show, which is not what runs in production.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import importlib
import io
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sklearn.utils import all_estimators

FILE = Path(__file__).parents[1] / "docs" / "usage.csv"
CALL = re.compile(r"\b([A-Z]\w+)\(")
OF_LABELS = {"LabelEncoder", "LabelBinarizer", "MultiLabelBinarizer"}
LARGEST = 20_000_000  # bytes of a notebook with its pictures
BOOSTERS = {
    **dict.fromkeys(("LGBMClassifier", "LGBMRegressor", "LGBMRanker"), "lightgbm"),
    **dict.fromkeys(("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"), "xgboost"),
    **dict.fromkeys(("XGBRanker",), "xgboost"),
    **dict.fromkeys(("CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker"), "catboost"),
    **dict.fromkeys(("TableVectorizer", "GapEncoder", "MinHashEncoder", "StringEncoder"), "skrub"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clones", nargs="+", type=Path)
    clones = parser.parse_args().clones
    own = {name for name, cls in all_estimators() if hasattr(cls, "predict") or hasattr(cls, "transform")}
    library = {**dict.fromkeys(own - OF_LABELS, "sklearn"), **BOOSTERS}
    files, repositories, sources, read = Counter[str](), Counter[str](), [], 0
    for clone in sorted(clones):
        named = Counter[str]()
        for text in texts_of(clone):
            named.update(set(CALL.findall(text)) & library.keys())
            read += 1
        files.update(named)
        repositories.update(named.keys())
        commit = git(clone, "rev-parse", "--short=12", "HEAD").decode().strip()
        name = next(part for part in reversed(clone.resolve().parts) if "+" in part)
        sources.append(f"{name.replace('+', '/')}@{commit}")
    rows = sorted(files, key=lambda name: (-repositories[name], -files[name], name))
    made = io.StringIO()
    version = importlib.import_module("sklearn").__version__
    made.write(f"# {datetime.date.today()}: {read} files, names of scikit-learn {version} and of boosters\n")
    made.write(f"# {' '.join(sources)}\n")
    table = csv.writer(made, lineterminator="\n")
    table.writerow(["name", "repositories", "files"])
    table.writerows([f"{library[name]}.{name}", repositories[name], files[name]] for name in rows)
    FILE.write_text(made.getvalue(), encoding="utf-8")


def texts_of(clone: Path) -> Iterator[str]:
    """The files of Python and the notebooks of a repository."""
    listed = git(clone, "ls-tree", "-r", "-l", "-z", "HEAD").decode(errors="replace").split("\0")
    for line in filter(None, listed):
        facts, _, name = line.partition("\t")
        _, kind, digest, size = facts.split()
        # a snapshot may lack its largest files, which have no size then
        if kind == "blob" and name.endswith((".py", ".ipynb")) and size.isdigit() and int(size) < LARGEST:
            found = subprocess.run(["git", "-C", clone, "cat-file", "blob", digest], capture_output=True)
            if not found.returncode:
                yield found.stdout.decode(errors="replace")


def git(clone: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", clone, *arguments], capture_output=True, check=True).stdout


if __name__ == "__main__":
    main()
