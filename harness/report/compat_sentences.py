"""The verdict of the compatibility report: one sentence per device."""
# ruff: noqa: RUF002 (the typographic signs are meant)

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from harness.accelerators import ACCELERATORS
from harness.analysis.compat import Clause, DelegateVerdict, DeviceVerdict, Judged
from harness.report.compat_names import ALL, Pair, by_models, listed, pair
from harness.report.figures import factor, short

_Phrase = Callable[[str, bool], str]  # names of variants and whether they are several -> a clause
_PLAIN = "cpu"  # the runtime's own kernels, to which nothing is delegated


def sentence(verdict: DeviceVerdict) -> tuple[str, str]:
    """Return the verdict on a device: its name with how all of it is known, and the sentence.

    "coral, predicted", "on edgetpu, ship int8 or uint8; int8_float leaves 2 of 9 ops on the CPU."
    """
    counts = Counter(label(cell) for part in verdict.delegates for cell in _cells(part))
    alone = len(verdict.delegates) == 1
    known = f", {_known(counts)}" if alone or len(counts) == 1 else ""
    parts = [_delegate(part, verdict, named=not known) for part in verdict.delegates]
    text = ". ".join(part[:1].upper() + part[1:] if index else part for index, part in enumerate(parts))
    return short(verdict.device) + known, f"{text}."


def label(cell: Judged) -> str:
    """Return how a cell is known: "predicted", "observed", "observed in software"."""
    words = "observed in software" if cell.software else cell.known
    return words if cell.compared else f"{words}, outputs not compared"


def _cells(part: DelegateVerdict) -> list[Judged]:
    return [cell for clause in part.clauses for cell in clause.cells]


def _known(labels: Counter[str]) -> str:
    """Return how most cells are known."""
    ((usual, _),) = labels.most_common(1)
    return usual if len(labels) == 1 else f"{usual} unless noted"


def _delegate(part: DelegateVerdict, verdict: DeviceVerdict, *, named: bool) -> str:
    """Return the clauses about one delegate. named: begin with how its cells are known."""
    cells = _cells(part)
    every = [*map(pair, cells)]
    labels = Counter(map(label, cells))
    usual = labels.most_common(1)[0][0]
    clauses = [_clause(clause, part.delegate, every, usual) for clause in part.clauses]
    if not any(clause.advice in ("ship", "slower") and not clause.likely for clause in part.clauses):
        clauses.insert(0, "nothing to ship yet")
    known = f" ({_known(labels)})" if named else ""
    where = _where(part, verdict)
    return (f"{where}{known}, " if where else "") + "; ".join(clauses)


def _where(part: DelegateVerdict, verdict: DeviceVerdict) -> str:
    """Return "on edgetpu", and with which runtime if there are several; empty if it goes without saying."""
    if len(verdict.delegates) == 1 and part.delegate == verdict.device:
        return ""
    several = [other.delegate for other in verdict.delegates].count(part.delegate) > 1
    runtime = f" with {short(part.runtime)} {short(part.runtime_version)}" if several else ""
    return f"on {short(part.delegate)}{runtime}"


def _clause(clause: Clause, delegate: str, every: Sequence[Pair], usual: str) -> str:
    """Return a clause. How a cell is known is said unless it is known in the usual way."""
    word = "or" if clause.advice == "ship" and not clause.likely and delegate != _PLAIN else "and"
    groups: dict[str, list[Judged]] = {}
    for cell in clause.cells:
        groups.setdefault(label(cell), []).append(cell)
    texts = []
    for known, cells in groups.items():
        named = {pair(cell): cell for cell in cells}
        said = known != usual or len(groups) > 1  # else it would seem to be known like the next group
        for group in by_models(named, every):
            speed = _speed([named[one] for one in group.pairs])
            about = "; ".join(filter(None, (group.models, known if said else "", speed)))
            texts.append(listed(group.variants, word) + (f" ({about})" if about else ""))
    several = len({cell.variant for cell in clause.cells}) > 1 or texts[0].startswith(ALL)
    return _phrase(clause, delegate)(f", {word} ".join(texts), several)


def _phrase(clause: Clause, delegate: str) -> _Phrase:
    """Return how a clause is put in words."""
    likely = "likely " if clause.likely else ""
    if clause.advice == "ship":
        if likely or delegate == _PLAIN:
            return lambda names, several: f"{names} {likely}{'run' if several else 'runs'}"
        return lambda names, several: f"ship {names.replace(ALL, 'any variant', 1)}"
    if clause.advice == "partly":
        left = f"{_left(clause.cells)} {_rest(delegate)}"
        return lambda names, several: f"{names} {likely}{'leave' if several else 'leaves'} {left}"
    return {
        "wrong": lambda names, several: f"do not ship {names}: wrong outputs",
        "failed": lambda names, several: f"{names} crashed or failed in the latest run",
        "slower": lambda names, several: (
            f"{names} {'run' if several else 'runs'}, but slower than the baseline"
        ),
        "none": lambda names, several: f"{likely}nothing of {names} is delegated",
        "refused": lambda names, several: f"{names} {'do' if several else 'does'} not run",
        "uncertain": lambda names, several: f"can't tell about {names}",
    }[clause.advice]


def _left(cells: Sequence[Judged]) -> str:
    """Return how many ops are left: "2 of 9 ops", "1 to 3 ops"."""
    if len({(cell.left, cell.total) for cell in cells}) == 1:
        return f"{cells[0].left} of {cells[0].total} ops"
    left = [cell.left for cell in cells if cell.left is not None]
    few, many = min(left, default=0), max(left, default=0)
    return f"{many} ops each" if few == many else f"{few} to {many} ops"


def _rest(delegate: str) -> str:
    return "to the runtime's own kernels" if ACCELERATORS[delegate].on_cpu else "on the CPU"


def _speed(cells: Sequence[Judged]) -> str:
    """Return the range of measured speedups, such as "1.90× to 3.42×"; empty unless all were measured."""
    values = sorted(cell.speedup for cell in cells if cell.speedup is not None)
    if len(values) < len(cells):
        return ""
    low, high = factor(values[0]), factor(values[-1])
    return low if low == high else f"{low} to {high}"
