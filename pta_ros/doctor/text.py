"""The findings as a table for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pta_ros.clock import NS
from pta_ros.doctor.findings import Findings, offset_ns
from pta_ros.doctor.trial import Trial
from pta_ros.doctor.watch import Watch, described
from pta_ros.errors import ConfigError

_LABEL = 11
_NOTHING = "no topic could feed a sensor, so there are no parameters to set"


def tell(found: Findings, file: Path | None) -> int:
    """Print the table and the parameter file, and write this to `file`; gives the exit code.

    0 when every sensor delivers, 1 otherwise. Where no topic could feed any sensor there is nothing
    to write. Raises ConfigError for a file that cannot be written.
    """
    text = found.parameters()
    if not any(choice.trial for choice in found.choices):
        text = f"{_NOTHING}{f': {file} is not written' if file else ''}\n"
        file = None
    sys.stdout.write(f"{table(found).strip()}\n\n{text}")
    if file:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            expected = "expected a file to write the parameters to"
            raise ConfigError(f"{file}: {error.strerror}; {expected}") from error
    return 0 if found.delivers else 1


def table(found: Findings) -> str:
    """Every topic that could feed a sensor, what else is there, and the choices."""
    lines: list[str] = []
    for trial in found.trials:
        lines += [f"{trial.modality}  {trial.watch.name}", *_rows(_told(trial, found.recorder_ns))]
    for watch, advice in found.others:
        lines += [f"unused  {watch.name}", *_rows(iter([("type", watch.type), ("do", advice)]))]
    if found.recorder_ns:
        lines.append(f"the recorder's clock is {found.recorder_ns / NS:+.3f} s from all stamps")
    lines += [f"transform  {link}" for link in found.links]
    lines.append("")
    for choice in found.choices:
        lines.append(f"{'ok ' if choice.delivers else 'NO '} {choice.modality}: {choice.why}")
    return "\n".join(lines)


def _rows(rows: Iterator[tuple[str, str]]) -> list[str]:
    return [f"    {label:<{_LABEL}}{text}" for label, text in rows if text]


def _told(trial: Trial, recorder_ns: int) -> Iterator[tuple[str, str]]:
    watch = trial.watch
    yield "type", watch.type
    yield "from", ", ".join(watch.publishers)
    yield "QoS", watch.qos
    if len(watch.publishers) > 1:
        yield "remark", f"{len(watch.publishers)} publishers on one topic: one of them too many?"
    if not watch.count:
        yield "messages", watch.problem or "none came"
        return
    jitter = f", jitter {1e3 * watch.jitter_s:.1f} ms" if watch.count > 2 else ""
    yield "messages", f"{watch.count}, {watch.rate_hz:.1f} Hz{jitter}"
    yield "content", described(watch.samples[-1][0]) if watch.samples else ""
    yield "frame", watch.frame_id or "none named"
    yield "clock", _clock(watch, recorder_ns)
    if trial.sides:
        yield "intrinsics", _intrinsics(trial)
    yield "passes", f"{trial.passed} of {trial.tried} sampled" if trial.tried else ""
    for refused in (*trial.refused, *watch.unread.most()):
        yield "refused", f"{refused.count}: {refused.reason}"
    for remark in trial.remarks:
        yield "remark", remark


def _clock(watch: Watch, recorder_ns: int) -> str:
    if watch.zero_stamps or watch.delay_ns is None:
        return "no stamps: the time of receipt counts"
    seconds = offset_ns(watch, recorder_ns) / NS
    return f"receipt less stamp {seconds:+.3f} s at least"


def _intrinsics(trial: Trial) -> str:
    if trial.info is None:
        return f"assumed: no CameraInfo on {' or '.join(trial.sides)}"
    name, msg = trial.info
    k = getattr(msg, "k", None)
    k = getattr(msg, "K", None) if k is None else k
    focal = "" if k is None else f", fx {k[0]:.1f} fy {k[4]:.1f} cx {k[2]:.1f} cy {k[5]:.1f}"
    return f"{name}: {msg.width}x{msg.height}{focal}"
