"""What the author exports to train on: the feature rows whose labels are known, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from shop import MlModel
from warehouse import quoted

if TYPE_CHECKING:
    from life import Life

ROW_GROUP = 1000  # several, as in any file of some size


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
