"""Errors cross the border between processes whole."""

import copy

import pytest

from pta_ros.errors import DecodeError, NobodySeen


@pytest.mark.parametrize("kind", [DecodeError, NobodySeen])
def test_an_error_of_another_process_keeps_its_words(kind):
    error = kind("frame001.bin", "0 bytes", "points")
    other = copy.copy(error)  # takes the way that processes take
    assert type(other) is kind
    assert (str(other), other.reason) == (str(error), "0 bytes")
