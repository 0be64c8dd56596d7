"""The compatibility report as tables and sections, which all output formats show."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.compat import CompatReport
from harness.report import compat_remarks as remarks
from harness.report.compat_matrix import LEGEND, Matrix, matrix
from harness.report.compat_remarks import Remark
from harness.report.figures import clean


@dataclass(frozen=True)
class Section:
    """A heading, and at least one remark below it."""

    title: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class View:
    """The report as texts, which are single printable lines."""

    title: str
    version: str
    legend: str
    matrices: tuple[Matrix, ...]
    sections: tuple[Section, ...]


def view(report: CompatReport) -> View:
    """Return the report as texts."""
    sections = {
        "Observed otherwise than predicted": remarks.differences(report.cells),
        "What stands in the way": remarks.in_the_way(report.cells),
        "What runtimes load": [
            *remarks.refusals(report.cells),
            *remarks.needed_releases(report.variants),
        ],
        "Variants that could not be made": remarks.failures(report.failed),
    }
    return View(
        title="Compatibility report",
        version=clean(f"qbench {report.qbench_version}"),
        legend=LEGEND,
        matrices=tuple(matrix(device, report.cells) for device in report.devices),
        sections=tuple(Section(title, tuple(found)) for title, found in sections.items() if found),
    )
