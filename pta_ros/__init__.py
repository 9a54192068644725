"""Live sensor fusion for human sensing that survives missing sensors (Purify-then-Align)."""

__version__ = "0.1.0"
