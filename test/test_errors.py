"""Errors cross the border between processes whole."""

import copy

import pytest

from pta_ros.errors import DecodeError, NobodySeen, PtaError


@pytest.mark.parametrize("kind", [DecodeError, NobodySeen])
def test_an_error_of_another_process_keeps_its_words(kind):
    error = kind("frame001.bin", "0 bytes", "points")
    other = copy.copy(error)  # takes the way that processes take
    assert type(other) is kind
    assert (str(other), other.reason) == (str(error), "0 bytes")


class Lost(PtaError):
    """Made of something else than its text."""

    def __init__(self, what, where):
        super().__init__(f"{what} is not {where}; expected it there")
        self.where = where


def test_an_error_is_not_made_anew_by_the_process_that_gets_it():
    error = Lost("it", "here")
    other = copy.copy(error)
    assert type(other) is Lost
    assert (str(other), other.where) == (str(error), "here")
