"""Which function converts which class: one explicit dict for each of the two kinds.

Classes are named by library and class name, so that optional libraries need not be installed. A subclass is
not treated like its parent: it may compute something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scorehouse.program.linear_models import CLASSIFIERS, REGRESSORS
from scorehouse.program.native.recipes import TREES
from scorehouse.program.segments_made import SEGMENTED
from scorehouse.program.several import MULTI_LABEL, MULTI_OUTPUT, QUANTILES
from scorehouse.program.sql import (
    combined,
    compose,
    encode,
    ensembles,
    linear,
    scale,
    several,
    splines,
    tables,
    times,
)
from scorehouse.program.sql.builder import Converters

SELECTORS = (
    *("sklearn.GenericUnivariateSelect", "sklearn.SelectKBest", "sklearn.SelectPercentile"),
    *("sklearn.SelectFdr", "sklearn.SelectFpr", "sklearn.SelectFwe", "sklearn.VarianceThreshold"),
    *("sklearn.RFE", "sklearn.RFECV", "sklearn.SelectFromModel", "sklearn.SequentialFeatureSelector"),
)
TRANSFORMERS: Mapping[str, Callable[..., Any]] = {
    "sklearn.Pipeline": compose.pipeline,
    "sklearn.ColumnTransformer": compose.column_transformer,
    "sklearn.FeatureUnion": compose.feature_union,
    "sklearn.FunctionTransformer": scale.function_transformer,
    "sklearn.StandardScaler": scale.standard_scaler,
    "sklearn.MinMaxScaler": scale.min_max_scaler,
    "sklearn.RobustScaler": scale.robust_scaler,
    "sklearn.MaxAbsScaler": scale.max_abs_scaler,
    "sklearn.SimpleImputer": scale.simple_imputer,
    "sklearn.MissingIndicator": scale.missing_indicator,
    "sklearn.KBinsDiscretizer": scale.k_bins,
    "sklearn.PolynomialFeatures": scale.polynomial,
    "sklearn.Binarizer": scale.binarizer,
    "sklearn.Normalizer": scale.normalizer,
    "sklearn.PowerTransformer": scale.power,
    "sklearn.SplineTransformer": splines.splines,
    **dict.fromkeys(SELECTORS, scale.selected),
    "sklearn.OneHotEncoder": encode.lookup_encoder,
    "sklearn.OrdinalEncoder": encode.lookup_encoder,
    "sklearn.TargetEncoder": encode.lookup_encoder,
    "skrub.TableVectorizer": tables.table_vectorizer,
    "skrub.SquashingScaler": tables.squashing_scaler,
    "scorehouse.DaysSinceEpoch": times.days_since_epoch,
    "scorehouse.CalendarParts": times.calendar_parts,
}

THRESHOLDS = ("sklearn.FixedThresholdClassifier", "sklearn.TunedThresholdClassifierCV")
PREDICTORS: Mapping[str, Callable[..., Any]] = {
    "sklearn.Pipeline": compose.scoring_pipeline,
    "sklearn.GridSearchCV": compose.search,
    "sklearn.RandomizedSearchCV": compose.search,
    "sklearn.CalibratedClassifierCV": compose.calibrated,
    "sklearn.OneVsRestClassifier": compose.one_vs_rest,
    **dict.fromkeys(("sklearn.VotingClassifier", "sklearn.VotingRegressor"), combined.vote),
    **dict.fromkeys(("sklearn.StackingClassifier", "sklearn.StackingRegressor"), combined.stack),
    **dict.fromkeys(THRESHOLDS, combined.threshold),
    "sklearn.TransformedTargetRegressor": combined.transformed_target,
    MULTI_OUTPUT: several.multi_output,
    QUANTILES: several.quantiles,
    "sklearn.RegressorChain": several.regressor_chain,
    MULTI_LABEL: several.multi_label,
    "sklearn.ClassifierChain": several.classifier_chain,
    **dict.fromkeys(REGRESSORS, linear.regression),
    **dict.fromkeys(CLASSIFIERS, linear.classification),
    "sklearn.GaussianNB": linear.gaussian_naive_bayes,
    "sklearn.KMeans": linear.k_means,
    "sklearn.MiniBatchKMeans": linear.k_means,
    **dict.fromkeys(TREES, ensembles.trees),
    **dict.fromkeys(SEGMENTED, several.segmented),
}

# Trees compare a feature of float32 as the double that it is in a table; others pass it on, or look for NULL.
TAKE_SINGLES = frozenset(
    (
        *TREES,
        *("sklearn.Pipeline", "sklearn.ColumnTransformer", "sklearn.FeatureUnion"),
        *("sklearn.GridSearchCV", "sklearn.RandomizedSearchCV"),
        *("sklearn.CalibratedClassifierCV", "sklearn.OneVsRestClassifier"),
        *("sklearn.VotingClassifier", "sklearn.VotingRegressor", "sklearn.TransformedTargetRegressor"),
        *THRESHOLDS,
        *(MULTI_OUTPUT, QUANTILES, MULTI_LABEL),
        *SEGMENTED,
        *("sklearn.MissingIndicator", "sklearn.FunctionTransformer"),  # the identity
        "skrub.TableVectorizer",  # which rounds
    )
)

CONVERTERS = Converters(TRANSFORMERS, PREDICTORS, TAKE_SINGLES)
