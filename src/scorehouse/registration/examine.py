"""Examine a fitted estimator: the facts for its task, and a draft of its signature."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import ConfigurationError, EstimatorError, ScorehouseError
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import check_batch
from scorehouse.registration.facts import find_facts
from scorehouse.registration.infer import draft_signature, encoder_categories
from scorehouse.registration.outputs import output_columns
from scorehouse.registration.training import Training
from scorehouse.registry.label_rule import fault_of
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version, registered_columns

CHECK_ROWS = 50_000


@dataclass(frozen=True)
class Examined:
    """The version with its facts, the draft of its signature, and the training rows.

    `batch` holds the rows as a feature table would, `features` the first rows as the kernel would pass
    them to the estimator.
    """

    version: Version
    signature: Signature
    batch: pa.RecordBatch
    features: Any


def examine(
    estimator: Any, draft: Version, training: Training, y: Any, outputs: Sequence[str] | None, call: str
) -> Examined:
    """Ask the estimator on the training rows, as they were given. Labels y or `outputs` name its outputs.

    Raises ScorehouseError for an estimator that does not accept them or has another task.
    """
    batch = training.batch
    known = encoder_categories(estimator, batch.schema.names)
    signature = draft_signature(training.frame, batch, training.container, known, call)
    given = training.given.iloc if hasattr(training.given, "iloc") else training.given
    with training_rows_asked(estimator, call):
        facts = find_facts(estimator, given[:CHECK_ROWS], draft.task, call)
    version = replace(
        draft,
        score_method=facts.score_method,
        label_method=facts.label_method,
        classes=facts.classes,
        class_columns={} if facts.outputs else registered_columns(facts.classes, facts.score_method),
        outputs=output_columns(outputs, estimator, y, facts.outputs, draft.task, call),
    )
    if fault := fault_of(version):
        action = "convert the labels, or leave the threshold out, and register again"
        raise ConfigurationError(call, fault.problem, expected=fault.expected, action=action)
    columns = check_batch(signature, batch.slice(0, CHECK_ROWS), frozenset()).columns
    return Examined(version, signature, batch, estimator_input(signature, columns))


@contextmanager
def training_rows_asked(estimator: Any, call: str) -> Iterator[None]:
    """While an estimator is asked for training rows: EstimatorError if it does not take them, no warnings."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except ScorehouseError:
        raise
    except Exception as error:  # estimators raise what they like
        raise EstimatorError(
            call,
            f"{type(estimator).__name__} does not take the training features ({error})",
            expected="the features that it was fitted on",
            action="pass the frame that was given to fit(), before any transformation",
        ) from error
