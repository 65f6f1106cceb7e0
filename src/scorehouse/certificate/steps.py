"""The columns that the fitted steps before a model make, read from their own attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scorehouse.certificate.boosters import frame_categories
from scorehouse.certificate.columns import ANY, SAME, Column, moved
from scorehouse.certificate.forest import NotRead
from scorehouse.certificate.libraries import name_of
from scorehouse.registry.signature import Signature

OPEN = ("ignore", "infrequent_if_exist", "warn")  # of categories that an encoder has not seen
TYPES = {"string": "text", "boolean": "boolean"}


SELECTORS = (
    *(f"sklearn.Select{kind}" for kind in ("KBest", "Percentile", "Fdr", "Fpr", "Fwe", "FromModel")),
    *("sklearn.GenericUnivariateSelect", "sklearn.VarianceThreshold", "sklearn.SequentialFeatureSelector"),
    *("sklearn.RFE", "sklearn.RFECV"),
)


class Steps:
    """The steps of one estimator over the features of a signature."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.is_sparse, self.is_single = False, False
        self.features = [self._feature(position) for position in range(len(signature.features))]

    def _feature(self, position: int) -> Column:
        feature = self.signature.features[position]
        if feature.type == "timestamp":
            return ("time", position)
        column = ("feature", position, TYPES.get(feature.type, "double"))
        if feature.dtype != "category" or feature.categories is None:
            return column
        return ("map", column, {_key(one): SAME for one in feature.categories}, None, None)

    def apply(self, step: Any, columns: list[Column]) -> list[Column]:
        """What a step makes of columns; NotRead for one that this reader does not know."""
        if step is None or (isinstance(step, str) and step == "passthrough"):
            return columns
        if name_of(step) not in STEPS:
            raise NotRead(f"the step {type(step).__name__} is not read")
        return STEPS[name_of(step)](self, step, columns)

    def as_read_by(self, model: Any, columns: list[Column]) -> list[Column]:
        """The columns as the trees of a model number them, which may encode categories itself."""
        if getattr(model, "_preprocessor", None) is not None:
            flags = np.asarray(model.is_categorical_, dtype=bool).tolist()
            encoder = model._preprocessor.named_transformers_["encoder"]
            chosen = [column for column, flag in zip(columns, flags, strict=True) if flag]
            others = [column for column, flag in zip(columns, flags, strict=True) if not flag]
            return [*self.ordinal(encoder, chosen), *others]
        if name_of(model).startswith("xgboost.") and self.is_sparse:
            raise NotRead("what XGBoost makes of the zeros of a sparse matrix is not read")
        if name_of(model).startswith("catboost.") and model.get_cat_feature_indices():
            raise NotRead("the categories of CatBoost, which it hashes, are not read")
        is_booster = name_of(model).startswith(("lightgbm.", "xgboost."))
        if not is_booster or not (known := frame_categories(model)):
            return columns
        places = [i for i, one in enumerate(self.signature.features) if one.dtype == "category"]
        if len(places) != len(known) or columns != self.features:
            raise NotRead("categories of a booster behind other steps are not read")
        codes = {
            place: {_key(one): float(j) for j, one in enumerate(own)}
            for place, own in zip(places, known, strict=True)
        }
        return [("map", one, codes[i], None, None) if i in codes else one for i, one in enumerate(columns)]

    def selected(self, step: Any, columns: list[Column]) -> list[Column]:
        return [columns[int(i)] for i in step.get_support(indices=True)]

    def pipeline(self, step: Any, columns: list[Column]) -> list[Column]:
        for _, one in step.steps:
            columns = self.apply(one, columns)
        return columns

    def column_transformer(self, step: Any, columns: list[Column]) -> list[Column]:
        made: list[Column] = []
        if step.transformer_weights:
            raise NotRead("the weights of a ColumnTransformer are not read")
        for name, one, _ in step.transformers_:
            chosen = [columns[int(i)] for i in step._transformer_to_input_indices.get(name, ())]
            if chosen and not (isinstance(one, str) and one == "drop"):
                made += self.apply(one, chosen)
        return made

    def union(self, step: Any, columns: list[Column]) -> list[Column]:
        if step.transformer_weights:
            raise NotRead("the weights of a FeatureUnion are not read")
        kept = [one for _, one in step.transformer_list if not (isinstance(one, str) and one == "drop")]
        return [column for one in kept for column in self.apply(one, columns)]

    def identity(self, step: Any, columns: list[Column]) -> list[Column]:
        if step.func is not None:
            raise NotRead(f"the function {getattr(step.func, '__name__', step.func)!r} is not read")
        return columns

    def _shifted(self, columns: Sequence[Column], *moves: tuple[str, Any]) -> list[Column]:
        """Each column moved by its own numbers; None moves nothing."""
        self.in_doubles()
        made = list(columns)
        for op, numbers in moves:
            if numbers is not None:
                made = [moved(op, column, float(by)) for column, by in zip(made, numbers, strict=True)]
        return made

    def in_doubles(self) -> None:
        """Refuse what scikit-learn may compute in float32, since a column is in it."""
        given = [feature.dtype.lower() for feature in self.signature.features]
        if self.is_single or "float32" in given:
            raise NotRead("its steps may compute in float32, which is not read")

    def standard(self, step: Any, columns: list[Column]) -> list[Column]:
        mean = step.mean_ if step.with_mean else None
        return self._shifted(columns, ("-", mean), ("/", step.scale_ if step.with_std else None))

    def robust(self, step: Any, columns: list[Column]) -> list[Column]:
        center = step.center_ if step.with_centering else None
        return self._shifted(columns, ("-", center), ("/", step.scale_ if step.with_scaling else None))

    def min_max(self, step: Any, columns: list[Column]) -> list[Column]:
        made = self._shifted(columns, ("*", step.scale_), ("+", step.min_))
        low, high = map(float, step.feature_range)
        return [("clip", column, low, high) for column in made] if step.clip else made

    def max_abs(self, step: Any, columns: list[Column]) -> list[Column]:
        made = self._shifted(columns, ("/", step.scale_))
        return [("clip", column, -1.0, 1.0) for column in made] if getattr(step, "clip", False) else made

    def imputer(self, step: Any, columns: list[Column]) -> list[Column]:
        _require_null(step)
        self.in_doubles()
        made: list[Column] = []
        for column, fill in zip(columns, step.statistics_, strict=True):
            if fill is not None and fill == fill:
                made.append(("fill", column, str(fill) if _is_text(column) else float(fill)))
            elif step.keep_empty_features:
                raise NotRead("an imputer of an empty column is not read")
        return made + (self.missing(step.indicator_, columns) if step.add_indicator else [])

    def missing(self, step: Any, columns: list[Column]) -> list[Column]:
        _require_null(step)
        return [("map", columns[int(i)], {}, 1.0, 0.0) for i in step.features_]

    def binarizer(self, step: Any, columns: list[Column]) -> list[Column]:
        self.in_doubles()
        return [("above", column, float(step.threshold)) for column in columns]

    def bins(self, step: Any, columns: list[Column]) -> list[Column]:
        self.in_doubles()
        made: list[Column] = []
        for column, edges in zip(columns, step.bin_edges_, strict=True):
            number: Column = ("bins", column, tuple(map(float, edges[1:-1])))
            if step.encode == "ordinal":
                made.append(number)
            else:
                made += [("map", number, {float(i): 1.0}, ANY, 0.0) for i in range(len(edges) - 1)]
        return made

    def target(self, step: Any, columns: list[Column]) -> list[Column]:
        means = np.ravel(step.target_mean_).tolist()  # one, or one for each class
        made: list[Column] = []
        for i, numbers in enumerate(step.encodings_):
            place, of_class = divmod(i, len(means))
            column, unseen = columns[place], means[of_class]
            known = [_key(one) for one in np.asarray(step.categories_[place], dtype=object).tolist()]
            answers = dict(zip(known, map(float, numbers), strict=True))
            others = ANY if self._has_two(column, known) else unseen
            made.append(("map", column, answers, answers.pop(None, unseen), others))
        return made

    def one_hot(self, step: Any, columns: list[Column]) -> list[Column]:
        self.is_sparse |= bool(step.sparse_output)
        drops = [None] * len(columns) if step.drop_idx_ is None else step.drop_idx_
        made: list[Column] = []
        for i, (column, drop) in enumerate(zip(columns, drops, strict=True)):
            known, rare = self._known(step, column, i)
            dropped = None if drop is None else known[int(drop)]
            is_open = step.handle_unknown in OPEN and not self._has_two(column, known)
            groups = [{key} for key in known if key not in rare] + ([rare] if rare else [])
            for own in groups:
                if drop is not None and dropped in own:
                    continue
                of_unseen = float(own is rare and step.handle_unknown != "ignore")
                others = of_unseen if is_open else self._refused(column, known)
                answers = {key: float(key in own) for key in known if key is not None}
                if None in known:
                    missing: Any = float(None in own)
                else:
                    missing = of_unseen if step.handle_unknown in OPEN else self._not_missing(column)
                made.append(("map", column, answers, missing, others))
        return made

    def ordinal(self, step: Any, columns: list[Column]) -> list[Column]:
        made: list[Column] = []
        for i, column in enumerate(columns):
            if any(one is None for one in np.asarray(step.categories_[i], dtype=object)):
                raise NotRead("an ordinal encoder that knows None, which it numbers, is not read")
            known, rare = self._known(step, column, i)
            often = [key for key in known if key is not None and key not in rare]
            answers = {key: float(j) for j, key in enumerate(often)}
            answers |= {key: float(len(often)) for key in rare if key is not None}
            is_open = step.handle_unknown == "use_encoded_value"
            others: Any = _number(step.unknown_value)
            if not is_open or self._has_two(column, known):
                others = self._refused(column, known)
            missing: Any = _number(step.unknown_value) if is_open else None
            if not is_open and None not in known:
                missing = self._not_missing(column)
            if None in known:
                missing = _number(step.encoded_missing_value)
            made.append(("map", column, answers, missing, others))
        return made

    def _known(self, step: Any, column: Column, i: int) -> tuple[list[Any], set[Any]]:
        """The categories of an encoder in their order, and those that it groups as rare; None is missing."""
        self.is_single |= np.dtype(step.dtype) != np.float64
        is_grouped = step.min_frequency is not None or step.max_categories is not None
        rare = step.infrequent_categories_[i] if is_grouped else None
        known, grouped = (
            [_key(one) for one in np.asarray([] if own is None else own, dtype=object).tolist()]
            for own in (step.categories_[i], rare)
        )
        return known, {*grouped}

    def _has_two(self, column: Column, known: list[Any]) -> bool:
        """Whether a column can hold nothing but the two values that an encoder knows."""
        source = column[1] if column[0] == "fill" else column
        return source[0] == "feature" and source[2] == "boolean" and {0.0, 1.0} <= {*known}

    def _refused(self, column: Column, known: list[Any]) -> Any:
        """Categories that the encoder refuses are rejected before, by the signature."""
        if self._has_two(column, known):
            return ANY
        source = column[1] if column[0] == "fill" else column
        source = source[1] if source[0] == "map" else source
        feature = self.signature.features[source[1]] if source[0] == "feature" else None
        if feature is None or feature.accepts_unseen or feature.categories is None:
            raise NotRead("an encoder that refuses categories behind other steps is not read")
        if not {_key(one) for one in feature.categories} <= set(known):
            raise NotRead(f"the signature accepts categories of {feature.name!r} that the encoder refuses")
        return ANY

    def _not_missing(self, column: Column) -> Any:
        """A missing value that the encoder refuses is rejected before, or filled."""
        if column[0] != "fill":
            source = column[1] if column[0] == "map" else column
            feature = self.signature.features[source[1]] if source[0] == "feature" else None
            if feature is None or feature.accepts_null or (column[0] == "map" and feature.accepts_unseen):
                raise NotRead("an encoder that refuses missing values behind other steps is not read")
        return ANY


def _require_null(step: Any) -> None:
    if not (step.missing_values is None or step.missing_values != step.missing_values):
        raise NotRead(f"an imputer of {step.missing_values!r} is not read")


def _is_text(column: Column) -> bool:
    while column[0] == "fill" or (column[0] == "map" and SAME in column[2].values()):  # not an encoder's
        column = column[1]
    return column[0] == "feature" and column[2] == "text"


def _key(category: Any) -> Any:
    """A category as a program names it; None for a missing value."""
    if category is None or category != category:
        return None
    return category if isinstance(category, str) else float(category)


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


STEPS: Mapping[str, Callable[[Steps, Any, list[Column]], list[Column]]] = {
    "sklearn.Pipeline": Steps.pipeline,
    "sklearn.ColumnTransformer": Steps.column_transformer,
    "sklearn.FeatureUnion": Steps.union,
    "sklearn.FunctionTransformer": Steps.identity,
    "sklearn.StandardScaler": Steps.standard,
    "sklearn.RobustScaler": Steps.robust,
    "sklearn.MinMaxScaler": Steps.min_max,
    "sklearn.MaxAbsScaler": Steps.max_abs,
    "sklearn.SimpleImputer": Steps.imputer,
    "sklearn.OneHotEncoder": Steps.one_hot,
    "sklearn.OrdinalEncoder": Steps.ordinal,
    "sklearn.TargetEncoder": Steps.target,
    "sklearn.MissingIndicator": Steps.missing,
    "sklearn.Binarizer": Steps.binarizer,
    "sklearn.KBinsDiscretizer": Steps.bins,
    **dict.fromkeys(SELECTORS, Steps.selected),
}
