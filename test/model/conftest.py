"""Shared: batch norms as after a training."""

import pytest


@pytest.fixture(scope="session")
def random_statistics():
    """A function that draws the running means, of some deviation, and variances of a module."""

    def draw(module, deviation, low, high):
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, deviation)
            if name.endswith("running_var"):
                buffer.uniform_(low, high)

    return draw
