"""A stranger's shop with the names of the skills: ML model `churn`, its features, labels and training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from foreign import ForeignProject
from project import REPOSITORY

ROWS = 1500
CUSTOMERS = f"""
{{{{ config(materialized='table') }}}}
select
    i as customer_id,
    timestamp '2025-01-01' + to_days((i * 90 // {ROWS})::integer) as snapshot_date,
    (i * 7919 % 1000) / 10e0 as amount,
    case when i % 50 <> 0 then i * 31 % 24 end as orders,
    cast((i * 7919 % 1000) / 10e0 - 3e0 * (i * 31 % 24) + i * 104729 % 41 > 40 as integer) as churned
from range({ROWS}) as numbers(i)
"""
MODELS = {
    "customers": CUSTOMERS,
    "customer_features": "select customer_id, snapshot_date, amount, orders from {{ ref('customers') }}",
    "churn_labels": "select customer_id, churned from {{ ref('customers') }}",
    "churn_training_set": "select * from {{ ref('customers') }} where orders is not null",
    "churn_challenge": """
{{ scorehouse.scored('churn', key='customer_id', alias=['champion', 'challenger']) }}
select * from {{ ref('customer_features') }}
""",
}
GATE = """
models:
  - name: churn_challenge
    data_tests:
      - scorehouse.challenger_not_worse:
          name: churn_challenger_not_worse
          arguments:
            labels: ref('churn_labels')
            key: customer_id
            label: churned
            margin: 0.2
            min_rows: 100
"""
LEARN = """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(frame, seed, label):
    known = frame.fillna({"orders": 0})
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(random_state=seed))
    return pipeline.fit(known[["amount", "orders"]], known[label])
"""
REGISTER = """
import duckdb
from learning.churn import train
from scorehouse import Card, register

rows = duckdb.connect("shop.duckdb").sql("from customers order by customer_id").df()
for count, alias in ((300, "champion"), (1000, "challenger")):
    known = rows[:count].fillna({"orders": 0})
    pipeline = train(known, 0, "churned")
    X, y = known[["amount", "orders"]], known["churned"]
    card = Card(owner="the shop", metrics={"roc_auc": 0.9})
    facts = {"task": "classification", "card": card, "threshold": 0.5}
    register(pipeline, "churn", X, y, alias=alias, **facts)
"""
TARGET = ("--target", "dev")  # as the skills name it, so that dbt need not parse again
RETRAIN = {
    "training": "churn_training_set",
    "function": "learning.churn:train",
    "label": "churned",
    "time": "snapshot_date",
    "shadow": ["churn_challenge"],
    "gate": "churn_challenger_not_worse",
}


def make_skilled_shop(folder: Path) -> ForeignProject:
    """The shop: the package is installed, the features are built, and two versions are registered."""
    shop = ForeignProject(folder / "shop", folder / "home")
    shop.write("packages.yml", yaml.safe_dump({"packages": [{"local": str(REPOSITORY)}]}))
    document = {
        "name": "shop",
        "profile": "shop",
        "flags": {"send_anonymous_usage_stats": False},
        "models": {"shop": {"+materialized": "view"}},
        "vars": {"scorehouse_retrain": {"churn": RETRAIN}},
    }
    shop.write("dbt_project.yml", yaml.safe_dump(document))
    outputs = {"dev": {"type": "duckdb", "path": "shop.duckdb", "threads": 2}}
    shop.write("profiles.yml", yaml.safe_dump({"shop": {"target": "dev", "outputs": outputs}}))
    scored = ("churn_challenge",)
    for name, sql in MODELS.items():
        if name not in scored:
            shop.write(f"models/{name}.sql", f"{sql}\n")
    shop.write("learning/churn.py", LEARN)
    shop.write("register.py", REGISTER)
    shop.write(".gitignore", "target\nlogs\ndbt_packages\n*.duckdb\n")
    shop.run("dbt", "deps")
    shop.run("dbt", "run", "--select", "customers", *TARGET)
    shop.run("python", "register.py")
    for name in scored:  # dbt parses them only where the registry exists
        shop.write(f"models/{name}.sql", MODELS[name])
    shop.write("models/_gate.yml", GATE)
    git = ("git", "-c", "user.name=us", "-c", "user.email=us@example.com")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "A shop")):
        subprocess.run([*git, *words], cwd=shop.folder, check=True)
    return shop


def with_monitors(shop: ForeignProject) -> None:
    """Prediction table and monitors, as scaffolded, of customers who spend more than those of training."""
    features = MODELS["customer_features"].replace("amount", "amount * 3 as amount")
    shop.write("models/customer_features.sql", f"{features}\n")
    common = ("churn", "--features", "customer_features", "--key", "customer_id", "--yes")
    shop.run("scorehouse", "scaffold", "predictions", *common)
    shop.run("scorehouse", "scaffold", "monitors", *common, "--labels", "churn_labels", "--label", "churned")
    shop.run("dbt", "build", *TARGET)


def environment(shop: ForeignProject) -> dict[str, str]:
    """The variables of a shell in the shop, in which dbt, scorehouse and python are those of the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "HOME": str(shop.home), "DBT_PROFILES_DIR": str(shop.folder)}
