"""Checks of a loaded run: no message lost on the way, and no growth of memory."""

from __future__ import annotations

from typing import Any

from pta_ros.demo.records import Run, Span


def received_at(run: Run, modality: str, until_ns: int) -> int | None:
    """The fusion node's count of received messages in its last account before `until_ns`."""
    counts = [
        s[modality].counters["received"] for t, s in run.states if t <= until_ns and modality in s
    ]
    return counts[-1] if counts else None


def transport(run: Run, loaded: Span) -> dict[str, dict[str, int | None]]:
    """Per modality what was sent and received in a phase that has a silence before and after it.

    The silences are what makes the counts exact: nothing is on its way at either end.
    """
    found: dict[str, dict[str, int | None]] = {}
    for modality in loaded.available:
        before = received_at(run, modality, loaded.start_ns)
        after = received_at(run, modality, run.ticks[-1].stamp_ns + 10**10)
        known = before is not None and after is not None
        received = after - before if known and after is not None and before is not None else None
        sent = len(loaded.ticks)
        lost = None if received is None else sent - received
        found[modality] = {"sent": sent, "received": received, "lost": lost}
    return found


def phase_of(run: Run, name: str) -> Span | None:
    """The phase of that name, if it ran."""
    return next((span for span in run.spans if span.name == name), None)


def load_summary(run: Run, name: str) -> dict[str, Any]:
    """Messages of the loaded phase and the rate at which they were sent."""
    span = phase_of(run, name)
    if span is None:
        return {"messages": {}, "sent_rate_hz": 0.0}
    elapsed_s = (span.end_ns - span.start_ns) / 1e9
    return {"messages": transport(run, span), "sent_rate_hz": round(len(span.ticks) / elapsed_s, 3)}
