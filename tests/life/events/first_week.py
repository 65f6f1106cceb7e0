"""The first week, in this order in every life: install, register, scaffold, build."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import house as commands
from expected import registry
from invariants import only_what_was_told
from shop import CHURN, LEARNING, ML_MODELS, ORDER, SOURCES, MlModel, models, monitor_options, train_script
from training_rows import trained_on_older_days, write_training_rows
from world import LABEL_DAYS, START, SUBJECTS, TRAINING_DAYS

from events import second_week

if TYPE_CHECKING:
    from life import Life

STORED = "models:\n  +file_format: parquet\nseeds:\n  +file_format: parquet\n"
COMMENT = "-- asked for by retention,\u2028every night\n"  # as text is that somebody copies from a page
REVIEW_BYTES = 50_000
READ_BY_SCRIPT = "duckdb", "postgres"  # what the training script of `init` reads
RESCORED = {"rule": "changed", "vanished": "delete"}  # churn
REVIEWED = (".csv", ".yml", ".sql", ".json", ".md")


def install_project(life: Life) -> None:
    """An empty folder becomes a dbt project with the package, and a loader has written a quarter year."""
    house, package = life.house, life.installation.package
    commands.begin(house)
    without = [word for word in init_words(life, CHURN) if word not in ("--package", str(package))]
    ended = house.run(*without, codes=(0, 1))
    if "--package" not in ended.output and not (house.folder / "packages.yml").exists():
        life.violate("next step", "init names no dbt package, and does not ask for one")
    for model in ML_MODELS:
        house.run(*init_words(life, model))
        house.write(f"ml/train_{model.name}.py", train_script(model))
    files = {
        **{f"models/{name}.sql": text for name, text in models(life.warehouse.quote).items()},
        "ml/learning.py": LEARNING,
    }
    for path, text in files.items():
        house.write(path, text)
    house.write("models/sources.yml", SOURCES)
    house.write(".gitignore", house.read(".gitignore") + "ml/*.parquet\n")
    commands.write_profile(house, life.warehouse)
    if life.engine.name == "spark":  # as its page says
        house.write("dbt_project.yml", house.read("dbt_project.yml") + STORED)
    for subject in SUBJECTS:
        life.loader.create(subject)
    life.pass_days(TRAINING_DAYS)
    house.run("dbt", "deps")
    house.commit("Begin")
    life.build()
    for invariant, text in only_what_was_told(life, ()):
        life.violate(invariant, text)


def init_words(life: Life, model: MlModel) -> tuple[str, ...]:
    """The command that begins with an ML model."""
    words = ("--features", model.feature_table, "--labels", model.label_table)
    words += ("--key", model.subject.key, "--label", model.subject.label, "--task", model.task)
    words += ("--time", "day") if life.is_dated else ()
    return "scorehouse", "init", model.name, *words, "--package", str(life.installation.package), "--yes"


def register_models(life: Life) -> None:
    """Train and register the first version of each; one by the script of `init`, where that knows days."""
    for model in ML_MODELS:
        if model is ORDER and life.is_dated and life.engine.name in READ_BY_SCRIPT:
            register_as_written(life, model)
            continue
        register(life, model, START, life.world.today - dt.timedelta(days=LABEL_DAYS), "champion")
    life.house.commit("Register the first versions")


def register_as_written(life: Life, model: MlModel) -> None:
    """Register by the training script that `init` writes, run as it prints it; the life's own stays."""
    house, file = life.house, f"ml/train_{model.name}.py"
    ours = house.read(file)
    (house.folder / file).unlink()
    ended = house.run(*init_words(life, model))
    lines = [line.strip() for line in ended.output.splitlines() if file in line and "python" in line]
    house.paste(lines[-1].removeprefix("next: ") if lines else f"python {file}")
    if life.is_dated:
        for invariant, text in trained_on_older_days(life, model):
            life.violate(invariant, text)
    house.write(file, ours)


def first_tables(life: Life) -> None:
    """A prediction table of each ML model, and monitors of the second; the page has the first one's."""
    house, scaffolded = life.house, ("scorehouse", "scaffold")
    second_week.paste(life, "Score")
    of_order = ("--features", ORDER.feature_table, "--key", ORDER.subject.key)
    kept = ("--keep", "day", "--keep", ORDER.segment)
    house.run(*scaffolded, "predictions", ORDER.name, *of_order, *kept, "--yes")
    for model in ML_MODELS:
        file, key = f"models/ml/{model.predictions}.sql", f"key='{model.subject.key}'"
        rescore = f", rescore={RESCORED}" if model is CHURN else ""
        text = house.read(file).replace(key, key + rescore, 1)
        house.write(file, text.replace("select ", f"{COMMENT}select ", 1))
    tests = ("--table", ORDER.feature_table, "--day", "day", "--output", f"models/_{ORDER.feature_table}.yml")
    house.run(*scaffolded, "tests", ORDER.name, *tests)
    if not life.engine.is_short:
        house.run(*scaffolded, "monitors", ORDER.name, *monitor_options(ORDER), "--yes")
    life.build()
    life.check()
    life.remember()
    house.commit("Score")


def register(life: Life, model: MlModel, first: dt.date, last: dt.date, alias: str | None) -> int:
    """Train on these days and register; what is to be reviewed of it is measured. Returns the version."""
    life.house.commit("Before a training")
    write_training_rows(life, model)
    words = [str(day) for day in (first, last)] + ([alias] if alias else [])
    life.house.run("python", f"ml/train_{model.name}.py", *words)
    expected = (
        f"seeds/ml/{model.name}/",
        f"artifacts/{model.name}/",
        f"assets/ml/{model.name}/",
        f"macros/ml/{model.name}",
    )
    for invariant, text in only_what_was_told(life, (*expected, "ml/", ".gitattributes")):
        life.violate(invariant, text)
    texts = [path for path in life.house.changed_files() if path.endswith(REVIEWED)]
    marked = life.house.run("git", "check-attr", "linguist-generated", "--", *texts).output
    read = [path for path in texts if f"{path}: linguist-generated: set\n" not in marked]
    size = sum((life.house.folder / path).stat().st_size for path in read)
    if size > REVIEW_BYTES:
        life.violate("review", f"registering {model.name} gives {size / 1000:.0f} kB of text to review")
    return max(registry(life.house.folder, model.name))
