"""One small project that has this package installed from its files, on any engine."""

from __future__ import annotations

import os
import runpy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from churn import classifier, training
from foreign import ForeignProject
from project import NAME, REPOSITORY
from scorehouse import register
from scorehouse.registration.groups import grouped

PACKAGE: tuple[str, ...] = runpy.run_path(str(REPOSITORY / "tools/release.py"))["PACKAGE"]
DOUBLE = "{{ {'bigquery': 'float64', 'postgres': 'double precision'}.get(target.type, 'double') }}"
CUSTOMERS = f"""
select
    customer_no as id, cast(amount as {DOUBLE}) as amount, visits, plan,
    cast('2024-01-0' || cast(mod(customer_no, 2) + 1 as {{{{ dbt.type_string() }}}}) as date) as seen_on
from {{{{ ref('crm_export') }}}}
"""
LABELS = "select id, amount + 5 * visits > 70 as has_left from {{ ref('customers') }}\n"
COUNTED = """
select count(*) as n from {{ ref('leaving_mart') }} having count(*) <> 300
union all
select count(*) as n from {{ ref('leaving_profiles') }}
where feature = 'amount' and kind = 'all' having count(*) <> 2
"""
SCAFFOLD = """
predictions leaving --features customers --key id --keep seen_on --yes
mart leaving --key id --keep seen_on --yes
tests leaving --table customers --output models/_customers.yml
monitors leaving --features customers --key id --day seen_on --labels labels --label has_left --yes
"""


def copy_package(folder: Path) -> Path:
    """The files that dbt reads of this package, as the archive of a release holds them."""
    folder.mkdir()
    for part in PACKAGE:
        source = REPOSITORY / part
        (folder / part).parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
    return folder


@dataclass(frozen=True)
class InstalledProject(ForeignProject):
    """The project, whose commands begin with the program `dbt`."""

    dbt: str | Path = "dbt"

    def said(self, *arguments: str) -> str:
        """What a dbt command says that ends well; a warning of the first engine is an error."""
        strict = () if os.path.isabs(self.dbt) else ("--warn-error",)
        return self.run(self.dbt, *strict, *arguments).stdout


def write_project(shop: InstalledProject, output: dict[str, Any] | None, kind: str) -> None:
    """Its files, its ML model and what `scorehouse scaffold` writes; None: the profile is there."""
    package = copy_package(shop.home / "package")
    shop.write("packages.yml", yaml.safe_dump({"packages": [{"local": str(package)}]}))
    stored = {"+file_format": "parquet"} if kind == "spark" else {}
    document = {
        "name": NAME,
        "config-version": 2,
        "profile": NAME,
        "flags": {"send_anonymous_usage_stats": False},
        "models": {**stored, NAME: {"+materialized": "table"}},
        "seeds": stored,
        "vars": {"scorehouse_compiled_sql": {"dialects": sorted({"duckdb", kind} - {"spark"})}},
    }
    shop.write("dbt_project.yml", yaml.safe_dump(document))
    if output:
        profile = {NAME: {"target": "dev", "outputs": {"dev": output}}}
        shop.write("profiles.yml", yaml.safe_dump(profile))
    rows = training().assign(customer_no=range(len(training())))
    shop.write("seeds/crm_export.csv", rows.to_csv(index=False))
    shop.write("models/customers.sql", CUSTOMERS)
    shop.write("models/labels.sql", LABELS)
    shop.write("tests/each_row_and_day_once.sql", COUNTED)
    facts: dict[str, Any] = {"task": "classification", "alias": "champion", "metrics": {"roc_auc": 0.9}}
    register(classifier(), "leaving", training(), project_dir=shop.folder, **grouped(facts))
    shop.run(shop.dbt, "deps")
    for words in SCAFFOLD.strip().splitlines():
        shop.run("scorehouse", "scaffold", *words.split())
