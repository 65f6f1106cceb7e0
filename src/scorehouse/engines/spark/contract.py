"""The enforced contract of a prediction table: on Spark it is held before a row is scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorehouse.engines.base import ColumnChange
from scorehouse.engines.spark.source import quote, type_text
from scorehouse.errors import ConfigurationError

WHOLE = "the names and data types of the contract, and no other column"


def check_contract(frame: Any, contract: Mapping[str, str] | None, relation: str, call: str) -> None:
    """Compare the columns that a run makes with `contract`, a data type by name; None: there is none."""
    if contract is None:
        return
    agreed = {name: _spelled(frame.sparkSession, name, text, call) for name, text in contract.items()}
    change = ColumnChange.between(agreed, {field.name: type_text(field.dataType) for field in frame.schema})
    found = [f"{name!r} is {old} there and {new} in this run" for name, (old, new) in change.retyped.items()]
    found += [f"{name!r} is not in the contract" for name in change.lacks]
    found += [f"{name!r} is only in the contract" for name in change.has]
    if found:
        raise ConfigurationError(
            call,
            f"the columns of {relation} break its enforced contract: {'; '.join(found)}",
            expected=WHOLE,
            action="correct the contract in the YAML of the model, or the model",
        )


def _spelled(session: Any, name: str, text: str, call: str) -> str:
    """A data type in Spark's own spelling."""
    from pyspark.errors import PySparkException

    wrong = f"the data type {text!r}, which Spark does not know" if text else "no data type"
    try:
        (field,) = session.sql(f"select cast(null as {text}) as {quote(name)}").schema
    except PySparkException as error:
        raise ConfigurationError(
            call,
            f"the enforced contract gives {name!r} {wrong}",
            expected=WHOLE,
            action="correct the contract in the YAML of the model",
        ) from error
    return type_text(field.dataType)
