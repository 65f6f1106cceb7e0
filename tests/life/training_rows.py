"""What is trained on: the feature rows whose labels are known, which the author exports, oldest first."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from expected import champion
from shop import MlModel
from warehouse import quoted

if TYPE_CHECKING:
    from life import Life

ROW_GROUP = 1000  # several, as in any file of some size
HELD_OUT = 0.2  # of the rows, by whole days


def write_training_rows(life: Life, model: MlModel) -> None:
    """Write `ml/<name>.parquet` from the warehouse, in several row groups."""
    key, label = quoted(model.subject.key), quoted(model.subject.label)
    rows = life.warehouse.rows(
        f"select features.*, labels.{label} from {life.table(model.feature_table)} as features "
        f"join {life.table(model.label_table)} as labels on features.{key} = labels.{key} "
        f"where labels.{label} is not null order by day, features.{key}"
    )
    table = pa.Table.from_pylist(rows)
    day = table.schema.get_field_index("day")
    table = table.set_column(day, "day", table["day"].cast(pa.timestamp("us")))
    pq.write_table(table, life.house.folder / f"ml/{model.name}.parquet", row_group_size=ROW_GROUP)


def trained_on_older_days(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """3: of `init --time`, the day is no feature, the newest are held out, and the registry says so."""
    version = champion(life.house.folder, model.name)
    signature = f"seeds/ml/{model.name}/ml_{model.name}__signature.csv"
    with open(life.house.folder / signature, newline="") as file:
        found = [row["feature"] for row in csv.DictReader(file) if row["version"] == str(version.version)]
    if sorted(found) != sorted(model.features):
        yield "training", f"{model.name} learns from {', '.join(found)}"
    rows, labels = life.world.rows[model.subject.table], life.world.known_labels(model.subject)
    counts = Counter(str(row["day"]) for key, row in rows.items() if labels.get(key) is not None)
    days, newer = sorted(counts), {}
    for place in range(1, len(days)):
        newer[place] = abs(sum(counts[day] for day in days[place:]) / counts.total() - HELD_OUT)
    learned = days[: min(newer, key=newer.__getitem__)]
    wanted = learned[0], learned[-1], sum(counts[day] for day in learned)
    if (told := (version.trained_from, version.trained_to, version.training_rows)) != wanted:
        yield "training", f"{model.name} was trained on {told} (days and rows), not on {wanted}"
