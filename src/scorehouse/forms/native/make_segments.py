"""Make the native form of an estimator with one estimator of trees per segment."""

from __future__ import annotations

from typing import Any

from scorehouse.forms.native.make import compile_native
from scorehouse.forms.native.segments import SegmentedTrees
from scorehouse.forms.native.store import stored_trees
from scorehouse.forms.native.stored import StoredTrees
from scorehouse.forms.segments_made import stacked
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


def compile_segments(estimator: Any, version: Version, signature: Signature, call: str) -> SegmentedTrees:
    """The form of a fitted segmented estimator; it is not proven yet.

    Raises CompileError naming the segment whose estimator has no native form that can be stored.
    """

    def compile_one(one: Any) -> StoredTrees:
        form = compile_native(one, call=call)
        return stored_trees(form, version, signature, call, without=estimator.position_)

    made = stacked(estimator, version, signature, call, compile_one)
    return SegmentedTrees(**made.common, layouts=tuple(form.layout for form in made.forms))
