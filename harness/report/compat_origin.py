"""The end of the compatibility report: how everything was found out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.analysis.compat import (
    CompatDevice,
    CompatModel,
    CompatReport,
    CompatVariant,
    ObservedDevice,
    ObservedRun,
)
from harness.record import subject
from harness.report.compat_obstacles import sources
from harness.report.figures import clean, plural, short, some

_BASELINES = 4  # that a run names
_HASH = 12  # digits of a SHA-256
_KNOWN_FROM = {
    "installed": "installed here",
    "profile": "named in the profile; the version is an assumption",
    "assumed": "nothing says which runtime it has: both are shown",
}


def origin(report: CompatReport) -> list[tuple[str, str]]:
    """Return how the report was found out: headings, each with a text."""
    facts = [
        ("Made", _made(report)),
        ("Rules", _rules(report)),
        *_devices(report.devices),
        *(("Model", _model(report, model)) for model in report.models),
        *(("Run", _run(run, report)) for run in report.runs),
    ]
    if found := sources(report.obstacles):
        facts.append(("Sources", "; ".join(f"[{number}] {text}" for number, text in enumerate(found, 1))))
    if not report.runs:
        facts.append(("Runs", "no stored run has observed these files on these devices: all is predicted"))
    return [(head, clean(text)) for head, text in facts]


def _made(report: CompatReport) -> str:
    host = report.made.host
    words = [f"{moment(report.made.at)} with qbench {report.qbench_version}".strip()]
    if host is not None:
        machine = ", ".join(filter(None, (host.cpu, host.arch, host.os)))
        words.append(f"on {machine}, Python {host.python}")
        words.append(", ".join(f"{name} {version}" for name, version in host.packages.items()))
    return "; ".join(filter(None, words))


def _rules(report: CompatReport) -> str:
    targets = some([*dict.fromkeys(cell.predicted.target for cell in report.cells)], 8)
    return f"SHA-256 {_hash(report.made.rules)}; predictions for {targets}"


def _devices(devices: Iterable[CompatDevice]) -> Iterator[tuple[str, str]]:
    """Yield the devices by where they are and which runtimes they have."""
    groups: dict[str, list[str]] = {}
    for device in devices:
        groups.setdefault(_device(device), []).append(short(device.name))
    for about, names in groups.items():
        yield "Device" if len(names) == 1 else "Devices", f"{', '.join(names)}: {about}"


def _device(device: CompatDevice) -> str:
    runtimes = " and ".join(f"{runtime.name} {runtime.version}" for runtime in device.runtimes)
    return f"{device.place}, {runtimes} ({_KNOWN_FROM[device.runtimes_known_from]})"


def _model(report: CompatReport, model: CompatModel) -> str:
    mine = [variant for variant in report.variants if variant.model == model.name]
    files = ", ".join(f"{short(_file(variant))} {_hash(variant.sha256)}" for variant in mine)
    makers = dict.fromkeys(f"{v.converter.name} {v.converter.version}" for v in mine if v.converter)
    data = dict.fromkeys(
        f"{v.calibration.samples} samples of {_base(v.calibration.source)}" for v in mine if v.calibration
    )
    facts = (
        _with_source(model),
        f"SHA-256 {_hash(model.sha256)}",
        f"variants {files}",
        f"made by {', '.join(makers)}" if makers else "",
        f"calibrated on {', '.join(data)}" if data else "",
    )
    return "; ".join(filter(None, facts))


def _file(variant: CompatVariant) -> str:
    """Return a variant's name, with signature and shape if they were asked for."""
    return str(subject(variant)._replace(model=variant.name))


def _with_source(model: CompatModel) -> str:
    source = _base(model.source or model.name)
    return short(model.name) + (f" ({source})" if source != model.name else "")


def _base(source: str) -> str:
    """Return the last part of a path: reports leave the machine, and folders are nobody's business."""
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _run(run: ObservedRun, report: CompatReport) -> str:
    seen = [cell.observed for cell in report.cells if cell.observed and cell.observed.run_id == run.run_id]
    compilers = dict.fromkeys(one.compiler for one in seen if one.compiler)
    baselines = dict.fromkeys(str(one.speedup.baseline) for one in seen if one.speedup)
    devices = ", ".join(f"{device.name} ({_machine(device)})" for device in run.devices)
    facts = (
        f"{short(run.run_id)}, {moment(run.started_at)}, qbench {run.qbench_version}",
        f"{plural(run.cells, 'cell')} shown here",
        f"devices {devices}",
        f"compiler {', '.join(compilers)}" if compilers else "",
        f"baseline {some([*baselines], _BASELINES)}" if baselines else "",
    )
    return "; ".join(filter(None, facts))


def _machine(device: ObservedDevice) -> str:
    runtime = f"{device.runtime} {device.runtime_version}" if device.runtime else None
    return ", ".join(filter(None, (device.cpu, runtime)))


def moment(text: str | None) -> str:
    """Return a time of the record as "2026-11-21 17:36 UTC"; empty if it is not known."""
    return "" if not text else f"{text.replace('T', ' ')[:16]} UTC"


def _hash(text: str | None) -> str:
    return text[:_HASH] if text else "unknown"
