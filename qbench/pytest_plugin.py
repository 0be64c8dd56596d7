"""The pytest plugin: measured cells in tests, on top of pytest-benchmark (docs/pytest.md).

pytest imports this module in every project that qbench is installed for, so it imports nothing else of ours:
`qbench.testing` is loaded if pytest-benchmark is there.
"""

from __future__ import annotations

import pytest

MARKER = (
    "qbench(model, variant, device, delegate, threads, baseline, …): the cell of the fixture qbench_cell;"
    " the arguments are those of qbench.run (docs/pytest.md)"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and the settings of the same names for the configuration file."""
    group = parser.getgroup("qbench", "qbench: measured cells in tests")
    for name, metavar, what in (
        ("results", "DIR", "folder of stored runs, relative to rootdir (default: results)"),
        ("budget", "SECONDS", "timed work per cell at most (default: 2)"),
        ("precision", "PERCENT", "stop once the interval is this narrow (default: 1%)"),
        (
            "devices-file",
            "FILE",
            "device profiles (default: devices.toml of rootdir or a folder above)",
        ),
        ("against", "BASE", "compare every cell with a git revision, folder, file, python=… or runtime=…"),
        ("fail-over", "PERCENT", "with BASE: fail where a cell is slower by more (default: 5%)"),
        (
            "fail-accuracy",
            "PERCENT",
            "with BASE: fail where the accuracy fell by more points",
        ),
        ("undecided", "fail|skip", "what becomes of a test whose comparison the data can't decide (fail)"),
        ("unavailable", "fail|skip", "what becomes of a test whose hardware is not there (skip)"),
    ):
        group.addoption(f"--qbench-{name}", metavar=metavar, help=what.replace("%", "%%"))
        parser.addini(f"qbench_{name.replace('-', '_')}", f"as --qbench-{name}", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures: those that measure, or without pytest-benchmark those that say what is missing."""
    config.addinivalue_line("markers", MARKER)
    if config.getoption("benchmark_skip", None) is None:
        from qbench.testing import absent

        config.pluginmanager.register(absent, "qbench-fixtures")
        return
    from qbench.testing import fixtures
    from qbench.testing.hooks import Hooks
    from qbench.testing.session import Cells
    from qbench.testing.settings import read_settings

    config.pluginmanager.register(Hooks(config, Cells(config, read_settings(config))), "qbench-hooks")
    config.pluginmanager.register(fixtures, "qbench-fixtures")
