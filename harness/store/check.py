"""What readers of a stored document rely on, checked once when it is read.

A form is a type or several, a list of one form (a list of such items), or a dict (an object that has at
least these keys in these forms). `Maybe` is null or a form, `Newer` a key that older runs lack, or a form.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Maybe(NamedTuple):
    form: Any


class Newer(NamedTuple):
    form: Any


class Wrong(Exception):
    """Where the document is not what it should be."""


TEXT, NUMBER = str, (int, float)
_OPS = {
    "total": int,
    "delegated": int,
    "not_delegated": [{"op": TEXT, "count": int, "reason": Maybe(TEXT)}],
}
_LATENCY = {"count": int, "launches": int, "min": NUMBER, "median": NUMBER, "p90": Maybe(NUMBER)}
_SPEEDUP = {
    "value": NUMBER,
    "low": Maybe(NUMBER),
    "high": Maybe(NUMBER),
    "baseline": {"variant": TEXT, "delegate": TEXT, "device": TEXT, "threads": int},
}
_FIDELITY = {
    "reference": TEXT,
    "max_abs_error": Maybe(NUMBER),
    "sqnr_db": Maybe(NUMBER),
    "top1_agreement": Maybe(NUMBER),
    "output": Newer(Maybe(TEXT)),
    "samples": Newer(int),
    "same_rows": Newer(Maybe(NUMBER)),
    "same_labels": Newer(Maybe(NUMBER)),
    "labels": Newer(int),
    "collapsed": Newer(bool),
}
_CELL = {
    **dict.fromkeys(("model", "variant", "device", "delegate", "status"), TEXT),
    "threads": int,
    "baseline": bool,
    "reason": Maybe(TEXT),
    **dict.fromkeys(("size_bytes", "size_ratio", "peak_memory_bytes"), Maybe(NUMBER)),
    "ops": Maybe(_OPS),
    "latency_ms": Maybe(_LATENCY),
    "speedup": Maybe(_SPEEDUP),
    "fidelity": Maybe(_FIDELITY),
    "warnings": [{"code": TEXT, "message": TEXT}],
}
_DOCUMENT = {
    "run_id": TEXT,
    "finished_at": Maybe(TEXT),
    "interrupted": bool,
    "precision": Newer(NUMBER),
    "budget_s": Newer(NUMBER),
    "models": [{"name": TEXT}],
    "variants": [{"model": TEXT, "variant": TEXT}],
    "devices": [{"name": TEXT, "cores": Maybe(int)}],
    "cells": [_CELL],
}


def check(document: Any) -> None:
    """Raises Wrong, naming the place ("cells[2].ops.total"), for what a reader could stumble over."""
    _check(document, _DOCUMENT, "")


def _check(value: Any, form: Any, where: str) -> None:
    if isinstance(form, Maybe):
        if value is not None:
            _check(value, form.form, where)
    elif isinstance(form, dict):
        _check_type(value, dict, where)
        for key, inner in form.items():
            place = f"{where}.{key}".lstrip(".")
            if key in value:
                _check(value[key], inner.form if isinstance(inner, Newer) else inner, place)
            elif not isinstance(inner, Newer):
                raise Wrong(f"{place} is missing")
    elif isinstance(form, list):
        _check_type(value, list, where)
        for index, item in enumerate(value):
            _check(item, form[0], f"{where}[{index}]")
    else:
        _check_type(value, form, where)


def _check_type(value: Any, wanted: Any, where: str) -> None:
    """True and false are no numbers here, although Python says so."""
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise Wrong(f"{where or 'it'} is not what it should be, but {_short(value)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
