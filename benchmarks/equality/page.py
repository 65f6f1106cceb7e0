"""The page of the audit, made from its results alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from differences import Difference
from fitted import ESTIMATORS
from hard import KINDS

HEAD = """# Do converters give the estimator's results?

{sentence}

Made on {date} by `python benchmarks/equality` with {versions}. Versions of the converters: {converters}.

What a converter makes (SQL, a graph, C) is compared with the estimator's own `predict` and `predict_proba` on
rows where conversions go wrong. The features are doubles that float32 cannot hold: flights in metric units.

| rows | what they are |
|---|---|
| training | the {training:,} rows that the estimator was fitted on |
| threshold | about half of the values are at a split, or at the double or float32 next to one |
| missing | 15% of the values are missing, where the estimator takes that |
| large | a quarter of the values are large (up to 3e38), tiny, or negative zero |
| boundary | pairs of rows with different labels, so close that no double lies between |

A score is the probability of the second class (k-means: labels alone). *Scores that differ* are not the same
double. On boundary rows, one bit decides the label, so differences there say nothing about ordinary rows.
Probabilities alone get the label of one above one half. Converters that read float32 get rounded doubles.
"""
CHOICES = """
## Where differences come from

- **float32.** A double at or next to a split moves to the other side when it is rounded. scikit-learn's
  forests and gradient boosting round their input: there, a converter that does not round differs.
- **Large values.** Their products leave the range of float32, and the result is NaN.
- **The order of a sum.** Doubles that are added in another order differ in the last bit.
- **Zero in LightGBM.** It reads values up to 1.0000000180025095e-35 as zero; some converted splits do not.
- **Missing values.** ONNX's forest differs by more than rounding only on rows that have one. TL2cgen's C code
  takes a double whose lower 32 bits are all ones for one.

scorehouse serves a backend only if it was proven at registration, on other rows than those of this page.
"""


@dataclass(frozen=True)
class Result:
    """What one converter gave for one estimator, in all and by kind of row; or why it gave nothing."""

    converter: str
    estimator: str
    total: Difference | None = None
    by_kind: Mapping[str, Difference] = field(default_factory=dict)
    refused: str = ""


def page(results: Sequence[Result], date: str, versions: str, training: int) -> str:
    """The whole page."""
    converters = dict.fromkeys(of for one in results if (of := _parts(one.converter)[1]))
    head = HEAD.format(
        sentence=sentence(results),
        date=date,
        versions=versions,
        converters="; ".join(converters) or "none",
        training=training,
    )
    sections = (_section(results, name) for name in ESTIMATORS)
    parts = [head, *sections, _without_result(results), CHOICES.strip() + "\n"]
    return "\n".join(part for part in parts if part)


def sentence(results: Sequence[Result]) -> str:
    """The result in one sentence."""
    made = [(one, one.total) for one in results if one.total]
    equal = sum(total.equal for _, total in made)
    trained = [one for one, _ in made if one.by_kind["training"].labels]
    worst = max((total.largest or 0.0 for _, total in made), default=0.0)
    return (
        f"Of {len(results)} pairs of a converter and an estimator, {len(made)} gave results: "
        f"{equal} equalled the estimator to the last bit on every row, {len(made) - len(trained) - equal} "
        f"differed but gave every training row its label, {len(trained)} gave training rows another label, "
        f"and the largest difference of a probability was {_size(worst)}."
    )


def _section(results: Sequence[Result], estimator: str) -> str:
    mine = [one for one in results if one.estimator == estimator]
    if not mine:
        return ""
    kinds = [kind for kind in KINDS if any(kind in one.by_kind for one in mine)]
    names = ["rows compared", "labels that differ", *(f"of {kind} rows" for kind in kinds)]
    names += ["scores that differ", "largest difference"]
    rows = [_row(one, kinds) for one in mine if one.total]
    table = [
        f"## {ESTIMATORS[estimator].title}",
        "",
        "| converter | " + " | ".join(names) + " |",
        "|---|" + "--:|" * len(names),
        *rows,
        "",
    ]
    return "\n".join(table)


def _without_result(results: Sequence[Result]) -> str:
    """Which converters gave nothing: each reason once, with the converters and estimators it is about."""
    estimators: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if not one.total:
            estimators.setdefault((one.refused, _parts(one.converter)[0]), []).append(_short(one.estimator))
    converters: dict[tuple[str, str], list[str]] = {}
    for (why, name), titles in estimators.items():
        of = "all" if len(titles) == len(ESTIMATORS) else "; ".join(titles)
        converters.setdefault((why, of), []).append(name)
    lines = [
        f"- {'; '.join(names)}: {_plain(why.removeprefix('not converted: '))} ({of})"
        for (why, of), names in converters.items()
    ]
    return "\n".join(["## No result", "", *lines, ""]) if lines else ""


def _short(estimator: str) -> str:
    """The title of an estimator, without its steps and sizes."""
    return re.split(", | of ", ESTIMATORS[estimator].title)[0].removeprefix("Scaler and ")


def _parts(converter: str) -> tuple[str, str]:
    """The name of a converter, and the versions that its title ends with."""
    name, _, versions = converter.removesuffix(")").rpartition(" (")
    return (name, versions) if name and converter.endswith(")") else (converter, "")


def _row(one: Result, kinds: Sequence[str]) -> str:
    total = one.total
    assert total is not None
    by_kind = [f"{one.by_kind[kind].labels:,}" if kind in one.by_kind else "" for kind in kinds]
    scores = "" if total.scores is None else f"{total.scores:,}"
    largest = "" if total.largest is None else _size(total.largest)
    if total.unscored:
        largest += f", {total.unscored:,} rows without a result"
    cells = [_parts(one.converter)[0], f"{total.rows:,}", f"{total.labels:,}", *by_kind, scores, largest]
    return "| " + " | ".join(cells) + " |"


def _size(value: float) -> str:
    return f"{value:.1g}" if value else "0"


def _plain(text: str) -> str:
    """Text of an error message that Markdown shows as it is."""
    return "`" + text.replace("`", "'").replace("|", "/") + "`"
