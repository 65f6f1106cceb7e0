"""What there is to own: lines of the runtime, functions, parameters, words of the docs; one line per figure.

python tools/weight.py
python tools/weight.py --json
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
# The runtime: what an installed user runs. Examples, tests and tools are none of it.
PYTHON = ("src", "spark_adapter")
SQL = ("macros", "models/installed")
DOCS = ("docs",)
FEW = 50  # lines of a small module
JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def weight() -> dict[str, int]:
    """Each figure by its name."""
    modules = {path: path.read_text() for path in tracked(PYTHON, ".py")}
    trees = {path: ast.parse(text) for path, text in modules.items()}
    macros = [path.read_text() for path in tracked(SQL, ".sql")]
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, Function)]
    return {
        "files in git": len(tracked((".",))),
        "lines of Python": sum(text.count("\n") for text in modules.values()),
        "logical lines of Python": sum(logical(tree) for tree in trees.values()),
        "modules": len(modules),
        f"modules of at most {FEW} lines": sum(text.count("\n") <= FEW for text in modules.values()),
        "lines of SQL": sum(text.count("\n") for text in macros),
        "logical lines of SQL": sum(written(text) for text in macros),
        "lines of YAML beside macros": sum(path.read_text().count("\n") for path in tracked(SQL, ".yml")),
        "private functions used once": sum(used_once(path, trees[path], modules[path]) for path in modules),
        "longest list of parameters": max(len(list(parameters(node))) for node in functions),
        "words of docs": sum(len(path.read_text().split()) for path in tracked(DOCS, ".md")),
    }


def tracked(places: tuple[str, ...], suffix: str = "") -> list[Path]:
    """The files below these places that git tracks."""
    words = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--", *places]
    listed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [REPOSITORY / name for name in listed.split("\0") if name and name.endswith(suffix)]


def logical(tree: ast.Module) -> int:
    """Statements, without docstrings."""
    return sum(isinstance(node, ast.stmt) and not _is_text(node) for node in ast.walk(tree))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def written(text: str) -> int:
    """Lines of a macro or a model that are neither blank nor a comment."""
    lines = (line.strip() for line in JINJA_COMMENT.sub("", text).splitlines())
    return sum(bool(line) and not line.startswith("--") for line in lines)


def used_once(path: Path, tree: ast.Module, text: str) -> int:
    """Private functions of a module that are named in one other place of it."""
    names = Counter(re.findall(r"\w+", text))
    private = [node.name for node in tree.body if isinstance(node, Function) and node.name.startswith("_")]
    return sum(names[name] == 2 for name in private)


def parameters(node: Function) -> Iterator[ast.arg]:
    yield from node.args.posonlyargs
    yield from node.args.args
    yield from node.args.kwonlyargs


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object")
    figures = weight()
    if parser.parse_args().json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{figure:>8,}  {name}")


if __name__ == "__main__":
    main()
