"""ONNX: a graph of numeric operators, scored by onnxruntime; registration measures its parity.

Trees and scalers stay in double precision if the converter supports it; otherwise, the loss shows in the
parity in the registry.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from scorehouse.errors import listed
from scorehouse.registry.formats.base import Format, cannot_store, import_extra
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

OPSET = {"": 18, "ai.onnx.ml": 3}  # the opset that the converters of all scikit-learn estimators can write
TENSORS = {
    "double": "DoubleTensorType",
    "integer": "Int64TensorType",
    "boolean": "BooleanTensorType",
    "string": "StringTensorType",
}
DTYPES = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


class OnnxEstimator:
    """A session of onnxruntime with the methods of the estimator that it replaces.

    The graph has one input per feature, with its name and the shape (rows, 1), or one input for all.
    `score_method` is the method that the registered version uses in addition to `predict`.
    """

    def __init__(self, session: Any, version: Version) -> None:
        self.session = session
        self.inputs = session.get_inputs()
        self.labels, *self.scores = [output.name for output in session.get_outputs()]
        if version.score_method not in ("predict", "none"):
            setattr(self, version.score_method, self._score)
        self.several = bool(version.outputs)
        if version.classes:
            self.classes_ = np.asarray(version.classes)

    def predict(self, X: Any) -> np.ndarray:
        """Labels or numbers, one per row; of several outputs, of shape (rows, outputs)."""
        found = np.asarray(self._run(self.labels, X))
        if self.several:
            return found
        classes = getattr(self, "classes_", None)  # as the registry has them; the graph has its own
        if classes is not None and not np.isin(found, classes).all():
            raise ValueError(f"it gives labels that are none of the classes {classes.tolist()}")
        return found.reshape(-1)

    def _score(self, X: Any) -> np.ndarray:
        """Scores, of shape (rows,) if a row has one score, else (rows, classes)."""
        found = np.asarray(self._run(self.scores[0], X))
        return found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found

    def _run(self, output: str, X: Any) -> Any:
        if len(self.inputs) == 1:
            block: np.ndarray = np.asarray(X, dtype=DTYPES[self.inputs[0].type])
            feeds = {self.inputs[0].name: block.reshape(len(X), -1)}
        else:
            feeds = {item.name: self._column(item, X) for item in self.inputs}
        return self.session.run([output], feeds)[0]

    def _column(self, item: Any, X: Any) -> np.ndarray:
        import pandas as pd

        values = X[item.name] if isinstance(X, pd.DataFrame) else X[:, self.inputs.index(item)]
        return np.asarray(values).astype(DTYPES[item.type]).reshape(-1, 1)


def dump(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    """Convert with skl2onnx: in double precision if converter and runtime support it, else in single."""
    from sklearn.pipeline import Pipeline

    skl2onnx = import_extra("skl2onnx", "onnx", call)
    onnxruntime = import_extra("onnxruntime", "onnx", call)
    odd = [f.name for f in signature.features if f.type not in TENSORS]
    if odd:
        raise cannot_store(estimator, "onnx", f"its graphs have no type for the features {listed(odd)}", call)
    final = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    reasons = []
    for inputs, options in itertools.product(_inputs(signature, call), _options(version)):
        given = {id(final): options} if options else None
        try:
            graph = skl2onnx.to_onnx(
                estimator, initial_types=inputs, options=given, name="scorehouse", target_opset=OPSET
            )
            data = bytes(graph.SerializeToString())
            _session(onnxruntime, data)
        except Exception as error:  # the next form may work
            reasons.append(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        else:
            return data
    raise cannot_store(estimator, "onnx", "; ".join(dict.fromkeys(reasons)), call)


def _inputs(signature: Signature, call: str) -> Iterator[list[tuple[str, Any]]]:
    """Inputs to try: one per feature, then one for all; in double precision, then in single."""
    types = import_extra("skl2onnx.common.data_types", "onnx", call)
    numeric = all(f.type in ("double", "integer") for f in signature.features)
    for number in ("DoubleTensorType", "FloatTensorType"):
        if signature.container == "frame":
            names = [number if f.type == "double" else TENSORS[f.type] for f in signature.features]
            columns = zip(signature.names, names, strict=True)
            yield [(column, getattr(types, name)([None, 1])) for column, name in columns]
        if numeric:
            yield [("features", getattr(types, number)([None, len(signature.features)]))]


def _options(version: Version) -> list[dict[str, bool]]:
    """Options to try: scores as one tensor, and the decision function if that is the score."""
    if not version.classes:
        return [{}]
    raw = {"raw_scores": True} if version.score_method == "decision_function" else {}
    return [{"zipmap": False, **raw}, raw]


def _session(onnxruntime: Any, data: bytes) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # errors are raised
    return onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])


def load(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    onnxruntime = import_extra("onnxruntime", "onnx", call)
    return OnnxEstimator(_session(onnxruntime, data), version)


CONTENT = "an ONNX file of a model with a label output first"
FORMAT = Format("onnx", ".onnx", "onnxruntime", dump, load, CONTENT, exact=False)
