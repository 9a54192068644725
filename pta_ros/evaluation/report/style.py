"""The report's looks: light and dark, no script, nothing from outside."""

from __future__ import annotations

#: What a browser may load for the page: nothing but what is in it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_LIGHT = """
  --page: #ffffff; --ink: #1b1f24; --soft: #57606a; --rule: #d5dae0; --panel: #f4f6f8;
  --good: #00664c; --good-ground: #d8f0e7; --bad: #a52210; --bad-ground: #fbe3dd;
  --stale: #dddddd; --stale-hatch: #8a8f96; --corrupt: #f4b6a6; --corrupt-hatch: #cc3311;
  --missing: #ffffff; --missing-hatch: #9aa1a9; --disabled: #c3c8ce; --disabled-hatch: #6b727a;
  --fault: #4b2e83; --fault-ground: #ded5ee; --shade: rgb(75 46 131 / 9%);
  --this: #1b1f24; --free: #9aa1a9; --without: #c0578f; --bar: #7c8894; --mark: #1b1f24;
  --estimate: #d55e00; --truth: #444444; --points: #6b7c8f; --right: #6fb79d;"""
_DARK = """
  --page: #14181d; --ink: #e8ebee; --soft: #a3adb8; --rule: #363d46; --panel: #1d2229;
  --good: #6fd6b2; --good-ground: #12392e; --bad: #ff9d87; --bad-ground: #4a1d14;
  --stale: #4a5058; --stale-hatch: #a3a9b1; --corrupt: #6e2a1c; --corrupt-hatch: #ff8a70;
  --missing: #14181d; --missing-hatch: #7c8590; --disabled: #2f353c; --disabled-hatch: #8a929b;
  --fault: #c9b6f2; --fault-ground: #3a2c57; --shade: rgb(201 182 242 / 10%);
  --this: #f2f4f6; --free: #7c8590; --without: #e08db8; --bar: #77828e; --mark: #f2f4f6;
  --estimate: #ff8c3a; --truth: #b9c0c8; --points: #8fa3b8; --right: #1f7a5c;"""

_PAGE = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1360px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 25px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 0 0 4px; overflow-wrap: anywhere; }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 4px 0; }
a { color: inherit; }
section { border-top: 2px solid var(--rule); margin-top: 34px; padding-top: 18px; }
.soft, caption { color: var(--soft); font-size: 13px; }
.badge { display: inline-block; border-radius: 4px; padding: 1px 7px; font-size: 12.5px;
  font-weight: 600; background: var(--panel); border: 1px solid var(--rule); }
.badge.good { color: var(--good); background: var(--good-ground); border-color: transparent; }
.badge.warn { white-space: normal; }
.badge.bad { color: var(--bad); background: var(--bad-ground); border-color: transparent; }
.synthetic { background: #e69f00; color: #201500; border-color: transparent; }
svg { display: block; width: 100%; height: auto; }
svg.definitions { position: absolute; width: 0; height: 0; }
.keys { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0; font-size: 13px; }
.keys > span { display: inline-flex; align-items: center; gap: 6px; }
.keys svg { width: 26px; height: 12px; flex: none; }
"""
_OVERVIEW = """
.overview { margin: 10px 0 0; border-bottom: 1px solid var(--rule); }
.row { display: grid; grid-template-columns: minmax(220px, 29%) 1fr minmax(210px, 20%);
  gap: 6px 24px; align-items: center; padding: 6px 0; border-top: 1px solid var(--rule); }
.row.heads { padding: 4px 0; border: 0; align-items: end; font-size: 12.5px;
  color: var(--soft); }
.row .name { font-weight: 650; overflow-wrap: anywhere; }
.row .said { font-size: 13px; color: var(--soft); }
.cost { font-size: 20px; font-weight: 650; font-variant-numeric: tabular-nums;
  line-height: 1.3; white-space: nowrap; }
.cost small { font-size: 13px; font-weight: 400; color: var(--soft); }
.strips { display: grid; grid-template-columns: 40px 1fr; gap: 0 8px; align-items: stretch; }
.strips .names { display: flex; flex-direction: column; justify-content: space-around;
  font-size: 11px; line-height: 1; color: var(--soft); text-align: right; padding-top: 3px; }
@media (max-width: 860px) { .row { grid-template-columns: 1fr; } .row.heads { display: none; } }
"""
_TABLES = """
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums;
  margin: 6px 0; }
caption { text-align: left; padding-bottom: 4px; }
th, td { padding: 4px 7px; text-align: right; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { font-weight: 600; vertical-align: bottom; }
th.group { text-align: center; border-left: 1px solid var(--rule); }
td.first { border-left: 1px solid var(--rule); }
.words { text-align: left; overflow-wrap: anywhere; min-width: 5em; }
td.words:first-child { white-space: nowrap; }
.title { text-align: left; white-space: nowrap; font-weight: 600; }
.title div { max-width: 220px; overflow: hidden; text-overflow: ellipsis; }
td.good { color: var(--good); font-weight: 600; }
td.bad { color: var(--bad); background: var(--bad-ground); font-weight: 600; }
code { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
details { margin: 10px 0; }
details h3:first-child { margin-top: 10px; }
summary { cursor: pointer; font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(285px, 1fr));
  gap: 0 24px; align-items: start; }
.moments { display: grid; gap: 14px 24px;
  grid-template-columns: repeat(auto-fill, minmax(min(630px, 100%), 1fr)); }
figure { margin: 0; }
figcaption { font-size: 13px; margin-bottom: 4px; }
.pictures { display: flex; flex-wrap: wrap; gap: 8px; }
.pictures svg { width: auto; height: 168px; border-radius: 4px; max-width: 100%; }
.pictures .soft { margin-top: 2px; }
"""
_DRAWN = """
text { fill: var(--ink); }
text.small { font-size: 11.5px; fill: var(--soft); }
text.value { fill: var(--ink); }
text.label { font-size: 13px; font-weight: 600; }
text.fault-text { font-size: 10.5px; font-weight: 600; fill: var(--fault); }
.fault-name { fill: var(--page); }
.stale-ground { fill: var(--stale); } .stale-hatch { stroke: var(--stale-hatch); }
.corrupt-ground { fill: var(--corrupt); }
.corrupt-hatch { stroke: var(--corrupt-hatch); stroke-width: 1.6; }
.missing-ground { fill: var(--missing); }
.missing-hatch { stroke: var(--missing-hatch); stroke-width: 1.8; stroke-linecap: round; }
.disabled-ground { fill: var(--disabled); } .disabled-hatch { stroke: var(--disabled-hatch); }
.fault-ground { fill: var(--fault-ground); }
.fault-hatch { stroke: var(--fault); stroke-width: 1.4; }
.answer { stroke: var(--soft); stroke-width: 0.5; }
.right { fill: var(--right); } .wrong { fill: url(#wrong); } .open { fill: var(--panel); }
.truth-bar { fill: var(--page); }
.wrong-ground { fill: var(--bad-ground); }
.wrong-hatch { stroke: var(--bad); stroke-width: 1; opacity: 0.55; }
text.answer-text { font-size: 10.5px; paint-order: stroke; stroke: var(--page);
  stroke-width: 2.5px; }
.out { stroke: var(--soft); stroke-width: 0.5; }
.shade { fill: var(--shade); }
.area { opacity: 0.88; }
.grid { stroke: var(--rule); stroke-width: 0.8; }
.axis { stroke: var(--soft); }
.error { fill: none; stroke-linejoin: round; stroke-linecap: round; }
.error.this { stroke: var(--this); stroke-width: 1.5; }
.error.free { stroke: var(--free); stroke-width: 1.3; }
.error.without { stroke: var(--without); stroke-width: 1.3; stroke-dasharray: 5 3; }
.bar { fill: var(--bar); }
.mark { stroke: var(--mark); stroke-width: 2; }
.pixels { image-rendering: pixelated; }
.plain { background: var(--panel); }
.points { stroke: var(--points); stroke-width: 2.6; stroke-linecap: round; opacity: 0.75; }
.skeleton { fill: none; stroke-linecap: round; }
.truth { stroke: var(--truth); stroke-width: 7; opacity: 0.5; }
.truth.on-depth { stroke: #ffffff; opacity: 0.6; }
.estimate { stroke: var(--estimate); stroke-width: 2.6; }
.estimate.on-depth { stroke: #ff8c3a; }
"""


def style() -> str:
    """The page's style sheet."""
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{{_DARK} }} }}"
    colours = f":root {{ color-scheme: light dark;{_LIGHT} }}\n{dark}"
    return colours + _PAGE + _OVERVIEW + _TABLES + _DRAWN
