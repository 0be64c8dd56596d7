"""The plugin's options, from the command line or else from pytest's configuration file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from delegates.wire import DEFAULT_BUDGET_S, DEFAULT_PRECISION

_FAIL_OVER = 0.05


@dataclass(frozen=True)
class Settings:
    """What `--qbench-…` and `--benchmark-disable` ask for. Paths are absolute."""

    root: Path  # relative paths in markers start here
    results: Path
    budget_s: float
    precision: float
    devices_file: Path | None
    against: str | None  # None: nothing, or times are not measured
    fail_over: float
    fail_accuracy: float | None
    skip_undecided: bool
    skip_unavailable: bool
    timed: bool  # False with --benchmark-disable: cells are run, but too shortly for times
    quiet: bool


def read_settings(config: pytest.Config) -> Settings:
    """Return the options of this session. Raises pytest.UsageError."""
    root = config.rootpath
    devices_file = _text(config, "devices-file")
    disabled = config.getoption("benchmark_disable") and not config.getoption("benchmark_enable")
    return Settings(
        root=root,
        results=root / (_text(config, "results") or "results"),
        budget_s=_seconds(_text(config, "budget")),
        precision=_percent("precision", _text(config, "precision"), DEFAULT_PRECISION),
        devices_file=root / devices_file if devices_file else None,
        against=_against(config) if not disabled else None,
        fail_over=_percent("fail-over", _text(config, "fail-over"), _FAIL_OVER),
        fail_accuracy=_limit("fail-accuracy", _text(config, "fail-accuracy")),
        skip_undecided=_is_skip("undecided", _text(config, "undecided") or "fail"),
        skip_unavailable=_is_skip("unavailable", _text(config, "unavailable") or "skip"),
        timed=not disabled,
        quiet=config.get_verbosity() < 0,
    )


def _text(config: pytest.Config, name: str) -> str:
    """Return an option as text; empty if it is given nowhere."""
    key = f"qbench_{name.replace('-', '_')}"
    return str(config.getoption(key) or config.getini(key) or "")


def _against(config: pytest.Config) -> str | None:
    """Return what to compare with. Raises UsageError for a limit on the command line without it."""
    against = _text(config, "against")
    for name in ("fail-over", "fail-accuracy"):
        limit = config.getoption(f"qbench_{name.replace('-', '_')}")
        if limit and not against:
            raise pytest.UsageError(f"--qbench-{name} {limit}: add --qbench-against, to compare with")
    return against or None


def _seconds(text: str) -> float:
    try:
        return float(text or DEFAULT_BUDGET_S)
    except ValueError:
        raise pytest.UsageError(f"--qbench-budget {text}: seconds expected, for example 5") from None


def _percent(name: str, text: str, default: float) -> float:
    """Return 0.01 for "1%" or "1". Raises UsageError for less than 0, and for what is no number."""
    if not text:
        return default
    try:
        fraction = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction < math.inf:
        raise pytest.UsageError(f"--qbench-{name} {text}: a percentage expected, for example 1%")
    return fraction


def _limit(name: str, text: str) -> float | None:
    return _percent(name, text, 0.0) if text else None


def _is_skip(name: str, text: str) -> bool:
    if text not in ("fail", "skip"):
        raise pytest.UsageError(f"--qbench-{name} {text}: fail or skip expected")
    return text == "skip"
