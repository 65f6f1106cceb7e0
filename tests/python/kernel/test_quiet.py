"""Warnings of estimators in threads that overlap."""

from __future__ import annotations

import warnings

from scorehouse.kernel.quiet import no_warnings


def test_threads_that_overlap_are_silent_and_leave_the_filters_as_they_were() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        first, second = no_warnings(), no_warnings()
        first.__enter__()
        second.__enter__()
        warnings.resetwarnings()  # as each job of scikit-learn does
        first.__exit__(None, None, None)
        warnings.warn("in the second", stacklevel=1)
        second.__exit__(None, None, None)
        assert list(warnings.filters) == before
        warnings.warn("after both", stacklevel=1)
    assert [str(each.message) for each in seen] == ["after both"]
