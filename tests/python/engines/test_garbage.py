"""The garbage collector is put off, and always set going again as it was."""

from __future__ import annotations

import gc

import pytest

from scorehouse.load_lock import collector_paused


def test_collections_are_put_off_and_come_back() -> None:
    with pytest.raises(ZeroDivisionError), collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ZeroDivisionError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
