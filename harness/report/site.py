"""A site of results: one page without requests, whose table can be read without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.record import subject
from harness.record.site import Site, SiteCell, SitePoint, SiteRun
from harness.report import accuracy, figures
from harness.report.columns import Shown, Tone, status_shown
from harness.report.figures import NONE, clean, plural
from harness.report.pages import asset, fill

COLUMNS = {  # and the class of their cells
    "model": "",
    "variant": "",
    "delegate": "",
    "device": "",
    "status": "fixed",
    "median latency": "figure",
    "speedup [95 %]": "figure wide",
    "size": "figure",
    "size ratio": "figure",
    "accuracy": "figure named",
    "SQNR dB": "figure",
    "same top\u20111": "figure",
    "ops taken": "figure",
    "run (UTC)": "date wide",
    "revision": "wide",
    "warnings": "wide",
}
_SCRIPTS = ("site_format.js", "site_plot.js", "site.js")


@dataclass(frozen=True)
class Line:
    """A line of the table: a text per column. over: the baseline of the speedup.

    raw: the URL of run.json. messages: the reason of the status, and the warnings.
    """

    texts: tuple[Shown, ...]
    over: str
    raw: str
    messages: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """The texts of the page."""

    title: str
    about: str
    thinned: str
    count: str
    legend: str
    lines: tuple[Line, ...]


def render(site: Site) -> str:
    """Return the page. All texts are escaped, and its policy lets it load nothing."""
    style = asset("page.css") + asset("site.css")
    script = "".join(map(asset, _SCRIPTS))
    return fill(
        "site.html",
        view=_view(site),
        columns=COLUMNS,
        policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}';"
        " base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        data=_embedded(site),
    )


def data_json(site: Site) -> str:
    """Return data.json: ASCII, names as they are stored."""
    return _json(msgspec.to_builtins(site)) + "\n"


def _json(plain: Any) -> str:
    return json.dumps(plain, separators=(",", ":"), allow_nan=False)


def _embedded(site: Site) -> str:
    """Return the data for a script element: every text is printable, and none can end the element."""
    return _json(_cleaned(msgspec.to_builtins(site))).replace("<", "\\u003c")


def _cleaned(plain: Any) -> Any:
    if isinstance(plain, str):
        return clean(plain)
    if isinstance(plain, dict):
        return {clean(key): _cleaned(value) for key, value in plain.items()}
    return [_cleaned(value) for value in plain] if isinstance(plain, (list, tuple)) else plain


def _digest(text: str) -> str:
    """Return the source of a Content-Security-Policy that allows just this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _view(site: Site) -> View:
    made = _minute(site.made_at)
    shown = plural(len(site.runs), "run")
    left_out = site.stored - len(site.runs)
    return View(
        title=f"{plural(len(site.cells), 'cell')}, {shown}, {made}",
        about=f"Made {made} UTC by qbench {site.qbench_version} from {shown},"
        f" {_minute(site.runs[0].started_at)} to {_minute(site.runs[-1].started_at)}.",
        thinned=f"Of each cell, the newest {plural(site.limit, 'run')} are shown;"
        f" {plural(left_out, 'stored run')} left out."
        if left_out
        else "",
        count=f"{plural(len(site.cells), 'cell')}.",
        legend="All were measured, none estimated. Speedup: over 1 is faster. SQNR and same top-1: against"
        " the outputs of float32, or of the same variant on cpu if no float32 was measured. Accuracy:"
        " against labels; red where shown to be worse than float32's. *: with uncommitted changes.",
        lines=tuple(_line(cell, site) for cell in site.cells),
    )


def _line(cell: SiteCell, site: Site) -> Line:
    point = cell.points[-1]
    run, found = site.runs[point.run], point.speedup
    threads = f" ({plural(cell.threads, 'thread')})" if cell.threads > 1 else ""
    names = (str(subject(cell)), cell.variant, cell.delegate, cell.device + threads)
    note = site.setups[point.setup].note
    warned = ", ".join((*(["note"] if note else []), *point.warnings)) or ("why" if point.reason else NONE)
    texts = (
        *(Shown(clean(name)) for name in names),
        status_shown(point.status, software=point.software),
        *_figures(point),
        *(Shown(text) for text in (_minute(run.started_at), _revision(run), clean(warned))),
    )
    told = [f"{warning.code}: {warning.message}" for warning in cell.messages]
    if point.reason:
        told.insert(0, f"{point.status}: {point.reason}")
    if note:
        told.insert(0, f"note on {cell.device}: {note}")
    over = "" if found is None else f"over {clean(site.baselines[found.over])}"
    return Line(texts, over, run.raw, tuple(map(clean, told)))


def _figures(point: SitePoint) -> list[Shown]:
    """Return the texts from the latency to the ops."""
    ops, fidelity = point.ops, point.fidelity
    return [
        Shown(_with_unit(point.latency_ms, figures.TIME_UNITS)),
        _speedup(point),
        Shown(_with_unit(point.size_bytes, figures.SIZE_UNITS)),
        Shown(figures.factor(point.size_ratio)),
        _accuracy(point),
        Shown(figures.sqnr(fidelity)),
        Shown(figures.share(None if fidelity is None else fidelity.top1_agreement)),
        Shown(NONE if ops is None else f"{ops.delegated}/{ops.total}"),
    ]


def _speedup(point: SitePoint) -> Shown:
    found = point.speedup
    if found is None:
        return Shown("baseline" if point.baseline else NONE)
    tone: Tone = ""
    if found.low is not None and found.high is not None:
        tone = "good" if found.low > 1 else "bad" if found.high < 1 else ""
    return Shown(figures.speedup(found, wide=True), tone)


def _accuracy(point: SitePoint) -> Shown:
    """Return the accuracy, "bad" if it is shown to be worse than float32's."""
    found = point.accuracy
    if found is None:
        return Shown(NONE)
    return Shown(accuracy.with_metric(found), "bad" if accuracy.is_worse(found) else "")


def _with_unit(value: float | None, units: tuple[figures.Unit, ...]) -> str:
    if value is None:
        return NONE
    unit = figures.common_unit([value], units)
    return f"{figures.number(value, unit)} {unit[0]}"


def _minute(moment: str) -> str:
    """Return "2026-11-21 05:44" for an RFC 3339 time."""
    return clean(moment[:16].replace("T", " "))


def _revision(run: SiteRun) -> str:
    if run.revision is None:
        return NONE
    return clean(f"{run.branch or ''} {run.revision[:7]}{'*' if run.dirty else ''}")
