"""The compatibility report as texts, which all output formats show in the same order."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.compat import CompatReport, DeviceVerdict
from harness.record import subject
from harness.report.compat_matrix import Matrix, legend, matrices
from harness.report.compat_obstacles import Remark, differences, remarks
from harness.report.compat_origin import moment, origin
from harness.report.compat_releases import Releases, releases
from harness.report.compat_sentences import sentence
from harness.report.figures import clean


@dataclass(frozen=True)
class Verdict:
    """The sentence about one device."""

    head: str  # the device, and how all of it is known
    text: str


@dataclass(frozen=True)
class View:
    """The report as texts, which are single printable lines."""

    title: str
    about: str  # when, where and with what it was made
    verdicts: tuple[Verdict, ...]
    matrices: tuple[Matrix, ...]
    legend: str  # of the matrices as texts
    legend_in_words: str  # where entries say in words how they are known
    differences: tuple[str, ...]
    obstacles: tuple[Remark, ...]
    failed: tuple[str, ...]
    releases: Releases
    origin: tuple[tuple[str, str], ...]


def view(report: CompatReport) -> View:
    """Return the report as texts."""
    return View(
        title="Compatibility report",
        about=_about(report),
        verdicts=tuple(map(_verdict, report.verdicts)),
        matrices=tuple(matrices(report.cells)),
        legend=legend(report.cells, marks=True),
        legend_in_words=legend(report.cells, marks=False),
        differences=tuple(differences(report.cells)),
        obstacles=tuple(remarks(report.obstacles, report.cells)),
        failed=tuple(clean(f"{subject(one)} {one.name}: {one.reason}") for one in report.failed),
        releases=releases(report),
        origin=tuple(origin(report)),
    )


def _about(report: CompatReport) -> str:
    seen = sum(cell.observed is not None or cell.failure is not None for cell in report.cells)
    how = f"{seen} of {len(report.cells)} cells observed in stored runs, the others predicted"
    return clean(", ".join(filter(None, (moment(report.made.at), f"qbench {report.qbench_version}", how))))


def _verdict(of: DeviceVerdict) -> Verdict:
    return Verdict(*map(clean, sentence(of)))
