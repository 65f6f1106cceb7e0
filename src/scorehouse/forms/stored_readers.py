"""Which function reads which stored form: one explicit dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scorehouse.forms.matrix.stored import from_bytes as matrix_of
from scorehouse.forms.native.stored import from_bytes as trees_of
from scorehouse.forms.reasons.stored import from_bytes as reasons_of
from scorehouse.forms.stored_form import StoredForm
from scorehouse.registry.version import Version

READERS: Mapping[str, Callable[[bytes, Version], StoredForm]] = {
    "native": trees_of,
    "matrix": matrix_of,
    "reasons": reasons_of,
}
