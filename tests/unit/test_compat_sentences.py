"""Each sentence of the verdict says of every cell what the matrix says of it, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from delegates.wire import Runtime
from harness.analysis.compat import CompatCell, CompatReport, DelegateVerdict, DeviceVerdict, Failure, report
from harness.report.compat_matrix import Entry, Matrix
from harness.report.compat_sentences import sentence
from harness.report.compat_view import view
from tests.models import dense_model
from tests.ops import Op, Tensor, build
from tests.unit.compat_cells import (
    COLUMNS,
    WRONG,
    at_random,
    cell,
    observed,
    predicted,
    refused,
    report_of,
    speedup,
)
from tests.unit.test_compat import LITERT, TFLITE, read, run_of, target, two_ops

EDGETPU = COLUMNS[2]

# What a clause says -> the kinds that its cells may have in the matrix. The first that fits counts.
CLAUSES = {
    r"ship (?P<names>.+)": {"all"},
    r"(?P<names>.+) runs?, but slower than the baseline": {"all"},
    r"do not ship (?P<names>.+): wrong outputs": {"wrong"},
    r"(?P<names>.+) crashed or failed in the latest run": {"failed"},
    r"(?P<names>.+?)(?P<likely> likely)? leaves? (?P<left>.+) (on the CPU|to the runtime's own kernels)": {
        "partly"
    },
    r"(?P<likely>likely )?nothing of (?P<names>.+) is delegated": {"none"},
    r"(?P<names>.+) (do|does) not run": {"refused"},
    r"can't tell about (?P<names>.+)": {"uncertain"},
    r"(?P<names>.+?)(?P<likely> likely)? runs?": {"all"},
}


@dataclass
class Said:
    """What the sentences say of one cell."""

    clause: str
    kinds: set[str]
    known: str
    likely: bool
    left: str | None
    speeds: list[float]


def parse(verdict: DeviceVerdict) -> dict[tuple[str, ...], Said]:
    """What a sentence says, by delegate with runtime, model and variant."""
    head, text = sentence(verdict)
    usual = head.removeprefix(f"{verdict.device}").removeprefix(", ")
    parts = re.split(r"\. (?=[A-Z])", text.removesuffix("."))
    assert len(parts) == len(verdict.delegates)
    said: dict[tuple[str, ...], Said] = {}
    for part, of in zip(parts, verdict.delegates, strict=True):
        start = re.match(r"[Oo]n (\w+)( with \S+ \S+?)?(?: \(([^)]*)\))?, ", part)
        known = (start and start[3]) or usual
        several = [other.delegate for other in verdict.delegates].count(of.delegate) > 1
        assert start is None or start[1] == of.delegate
        assert bool(start and start[2]) is several
        every = {(c.model, c.variant) for clause in of.clauses for c in clause.cells}
        for clause in re.split(r"; (?![^()]*\))", part[start.end() if start else 0 :]):
            if clause == "nothing to ship yet":
                assert not re.search(r"(^|[;,] )ship ", part)
                continue
            for key, what in _clause(clause, known.removesuffix(" unless noted"), every).items():
                whole = (*_runtime(of), *key)
                assert whole not in said, "one cell is spoken of twice"
                said[whole] = what
    return said


def _runtime(of: DelegateVerdict | CompatCell) -> tuple[str, str, str]:
    return of.delegate, of.runtime or "", of.runtime_version or ""


def _clause(text: str, usual: str, every: set[tuple[str, str]]) -> dict[tuple[str, str], Said]:
    found = ((pattern, re.fullmatch(pattern, text)) for pattern in CLAUSES)
    pattern, match = next((pattern, match) for pattern, match in found if match)
    groups = match.groupdict()
    said = {}
    for names, about in re.findall(r"([^()]+)(?:\(([^)]*)\))?", groups["names"]):
        facts = about.split("; ") if about else []
        models = next((f.split(", ") for f in facts if re.match(r"m\d|dense|two|conv", f)), None)
        known = next((f for f in facts if re.match("predicted|observed", f)), usual)
        speeds = [float(v) for fact in facts for v in re.findall(r"([\d.]+)×", fact)]  # noqa: RUF001
        everything = "all variants" in names or "any variant" in names
        variants = {variant for _, variant in every if everything or re.search(rf"\b{variant}\b", names)}
        for model, variant in every:
            if variant in variants and (models is None or model in models):
                likely, left = bool(groups.get("likely")), groups.get("left")
                said[model, variant] = Said(pattern, CLAUSES[pattern], known, likely, left, speeds)
    return said


def check(found: CompatReport) -> None:
    """Compare every sentence with the entries of the matrices."""
    shown = zip(found.cells, _entries(found, view(found).matrices), strict=True)
    entries = {(of.device, *_runtime(of), of.model, of.variant): (of, entry) for of, entry in shown}
    said = {
        (verdict.device, *key): what for verdict in found.verdicts for key, what in parse(verdict).items()
    }
    assert set(said) == set(entries)
    for key, what in said.items():
        of, entry = entries[key]
        _check(what, of, entry)
    _check_ranges(said, {key: entry for key, (_, entry) in entries.items()})


def _entries(found: CompatReport, matrices: tuple[Matrix, ...]) -> list[Entry]:
    """The entries in the order of the report's cells."""
    by_model = {matrix.model: matrix for matrix in matrices}
    lines = {(m.model, line.variant): iter(line.entries) for m in by_model.values() for line in m.lines}
    return [next(lines[cell.model, cell.variant]) for cell in found.cells]


def _check(what: Said, of: CompatCell, entry: Entry) -> None:
    assert entry.kind in what.kinds
    assert entry.words.startswith("likely") is what.likely or entry.kind == "uncertain"
    assert what.known.startswith(entry.known.split(",")[0])
    assert ("software" in what.known) is ("software" in entry.notes)
    speed = next((float(note[:-1]) for note in entry.notes if note.endswith("×")), None)  # noqa: RUF001
    if "slower" in what.clause:
        assert speed is not None and speed < 1.02
    if what.clause.startswith("ship"):
        assert entry.words == "all" and of.failure is None
        assert of.observed is None or not of.observed.wrong
        assert speed is None or speed > 0.98


def _check_ranges(said: dict[tuple[str, ...], Said], entries: dict[tuple[str, ...], Entry]) -> None:
    """The numbers of ops and the speedups of a clause are those of its cells, from the least to the most."""
    clauses: dict[tuple[str, ...], list[tuple[Said, Entry]]] = {}
    for key, what in said.items():
        clauses.setdefault((*key[:4], what.clause, str(what.likely)), []).append((what, entries[key]))
    for members in clauses.values():
        if (text := members[0][0].left) is not None:
            numbers = [[*map(int, re.findall(r"\d+", entry.words))] for _, entry in members]
            left = [total - taken for taken, total in numbers]
            same = len({tuple(pair) for pair in numbers}) == 1
            few, many = min(left), max(left)
            expected = f"{few} of {numbers[0][1]} ops" if same else f"{few} to {many} ops"
            assert text == (f"{few} ops each" if not same and few == many else expected)
        for what, entry in members:
            speed = [float(note[:-1]) for note in entry.notes if note.endswith("×")]  # noqa: RUF001
            speed += [1.0] * ("baseline" in entry.notes)
            if what.speeds:  # which is said of all or of none
                assert len(speed) == 1 and what.speeds[0] <= speed[0] <= what.speeds[-1]


@pytest.mark.parametrize("seed", range(20))
def test_sentences_and_matrices_agree_on_random_cells(seed):
    for number in range(25):
        check(report_of(at_random(seed * 1000 + number)))


def old_net() -> bytes:
    """An int8 model: one op that all delegates know but XNNPACK of tflite-runtime 2.14."""
    tensors = {name: Tensor("int8", [1, 8]) for name in "ab"}
    return build(tensors, [Op("LOGISTIC", ["a"], ["b"])], ["a"], ["b"])


def test_three_models_on_five_devices(tmp_path):
    """Ready files on cpu, xnnpack, gpu, coral and a board with an old runtime; some of it observed."""
    folder = tmp_path / "net"
    folder.mkdir()
    for name, data in {"dense": dense_model(1), "two": two_ops(), "conv": old_net()}.items():
        (folder / f"{name}.tflite").write_bytes(data)
    made = read("net", tmp_path)
    old = (Runtime("tflite-runtime", "2.14.0"),)
    targets = [
        *(target(name, name=name) for name in ("cpu", "xnnpack", "gpu")),
        target("cpu", "edgetpu", name="coral"),
        target("cpu", "xnnpack", name="board", runtimes=old),
    ]
    plain = report([made], targets)
    runs = [run_of(plain, "two", "partial", 1, version="2.14.0")]
    runs = [replace(runs[0], devices=(replace(runs[0].devices[0], runtime="tflite-runtime"),))]
    found = report([made], targets, runs)
    assert len({cell.model for cell in found.cells}) == 3
    assert sum(cell.observed is not None for cell in found.cells) == 1
    check(found)


def one(*cells: CompatCell) -> str:
    (verdict,) = report_of(list(cells)).verdicts
    return ": ".join(sentence(verdict))


def test_what_is_said_of_an_edge_tpu():
    coral = [
        cell("float32", refused(), column=EDGETPU),
        cell("dynamic", refused(), column=EDGETPU),
        cell("int8_float", predicted(7), column=EDGETPU),
        cell("int8", predicted(9), column=EDGETPU),
        cell("uint8", predicted(9), column=EDGETPU),
    ]
    assert one(*coral) == (
        "coral, predicted: on edgetpu, ship int8 or uint8; int8_float leaves 2 of 9 ops on the CPU; "
        "float32 and dynamic do not run."
    )


def test_observed_beats_predicted_and_mixtures_say_what_is_what():
    seen = observed(9, speedup=speedup(3.0))
    assert one(cell("a", predicted(9)), cell("b", predicted(4), seen)) == (
        "xnnpack, predicted unless noted: ship a (predicted), or b (observed; 3.00×)."  # noqa: RUF001
    )


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (cell("a", predicted(9, likely=1)), "nothing to ship yet; a likely runs"),
        (cell("a", predicted(5, uncertain=4)), "nothing to ship yet; can't tell about a"),
        (cell("a", refused(certain=False)), "nothing to ship yet; can't tell about a"),
        (cell("a", refused()), "nothing to ship yet; a does not run"),
        (cell("a", predicted(9), replace(observed(9), wrong=(WRONG,))), "do not ship a: wrong outputs"),
        (
            cell("a", predicted(9), observed(9, speedup=speedup(0.5))),
            "a (0.50×) runs, but slower than the baseline",  # noqa: RUF001
        ),
        (
            cell("a", predicted(9), observed(9), failure=Failure("r", (None, None), "timeout", None)),
            "nothing to ship yet; a crashed or failed in the latest run",
        ),
        (cell("a", predicted(9), replace(observed(9), compared=False)), "outputs not compared: ship a"),
        (cell("a", predicted(9), replace(observed(9), software=True)), "observed in software: ship a"),
        (cell("a", predicted(0), observed(0)), "nothing to ship yet; nothing of a is delegated"),
    ],
)
def test_nothing_is_shipped_that_is_not_known_to_run_whole_and_right(of, text):
    assert text in one(of)


def test_a_runtime_is_named_where_there_are_two():
    two = [cell("a", predicted(9), column=COLUMNS[3]), cell("a", refused(), column=COLUMNS[4])]
    assert one(*two) == (
        "board, predicted: on xnnpack with tflite-runtime 2.14.0, ship a. "
        "On xnnpack with ai-edge-litert 2.3.0, nothing to ship yet; a does not run."
    )
    assert LITERT.version == "2.3.0" and TFLITE.version == "2.14.0"
