"""Predicted against observed: what delegates took of real models, and what was said beforehand.

    python benchmarks/predictions.py [--models FOLDER] [--pairs-dir FOLDER] [--only NAME]…

--models: its folders hold ready models (and mlperf_tiny/ the float models of MLPerf Tiny), for more than the
built-in ones. --pairs-dir: what edgetpu_compiler mapped, as pairs.json, the source models in
sources/ and logs of other models in logs/.

exact: every op came out as predicted, and all of it was certain. likely: the same, but some verdicts were
only likely. uncertain: nothing said was wrong, but not all was said, or the delegate says only how many ops
it left and not which. likely wrong: a likely verdict was wrong. wrong: a certain one was, and the exit
status is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from delegates.wire import Runtime
from harness import config
from harness.accelerators import ACCELERATORS, OpVerdict, Prediction, Verdict, predict
from harness.accelerators.edgetpu import rules
from harness.accelerators.edgetpu.log import MAPPED, parse
from harness.analysis.compat import CompatCell
from harness.errors import QbenchError
from harness.record import Row
from harness.session.compat import compat
from harness.session.options import Options
from harness.session.run import run
from harness.session.watcher import Silent
from harness.tflite import read_model_file

TINY = "mlperf_tiny"
PROFILES = {
    "tflite": ("tflite-runtime", "xnnpack"),
    "litert": ("ai-edge-litert", "xnnpack"),
    "gpu": ("ai-edge-litert", "gpu"),
}
VERDICTS = ("exact", "likely", "uncertain", "likely wrong", "wrong")
Judged = tuple[str, str, str]  # model, verdict, remark
BY_TOTAL = "by total only"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path)
    parser.add_argument("--pairs-dir", type=Path)
    parser.add_argument("--only", action="append", help="a profile: tflite, litert, gpu or edgetpu")
    asked = parser.parse_args()
    models = ["digits", "mobilenet_v2", *(found_models(asked.models) if asked.models else [])]
    wrong = 0
    for name, (runtime, delegate) in PROFILES.items():
        if delegate in ACCELERATORS and (not asked.only or name in asked.only):
            wrong += print_table(f"{delegate}, {runtime}", compare(name, runtime, delegate, models))
    if asked.pairs_dir and (not asked.only or "edgetpu" in asked.only):
        tally = Tally()
        wrong += print_table("edgetpu, op by op", from_pairs(asked.pairs_dir, tally))
        print(f"  {tally.words()}")
        wrong += print_table("edgetpu, logs: kinds of ops alone", from_logs(asked.pairs_dir / "logs"))
    sys.exit(wrong > 0)


def found_models(folder: Path) -> list[str]:
    """The float models that variants are made of, then every ready .tflite."""
    sources = [folder / TINY / name for name in ("ad01.h5", "pretrainedResnet.h5", "kws_ref_model")]
    ready = sorted(folder.glob("*/*.tflite"))
    return [str(path) for path in (*sources, *ready) if path.exists()]


def compare(name: str, runtime: str, delegate: str, models: Sequence[str]) -> Iterator[Judged]:
    """(model and variant, verdict, what was wrong), measured through the ordinary path."""
    profile = config.DeviceProfile(name, (config.DelegateSpec(delegate),), runtime=runtime)
    setup = config.Config(Path("predictions"), {name: profile}, {})
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            options = Options(models=[model], devices=[name], budget_s=0.01, results=Path(folder))
            try:
                document = run(options, setup, Silent()).document
                report = compat(options, setup, Silent())  # beside the run, which lies in the same folder
            except QbenchError as error:
                yield model, "uncertain", str(error)
                continue
        measured = {row.variant: row for row in document.cells}
        for cell in report.cells:
            yield f"{cell.model} {cell.variant}", *judge(cell, measured[cell.variant])


def judge(cell: CompatCell, measured: Row) -> tuple[str, str]:
    """The verdict on one cell, op kind by op kind."""
    predicted, seen = cell.predicted, cell.observed
    if seen is None:
        return "uncertain", f"not observed: {measured.status}: {measured.reason}"
    if "refused" in (seen.outcome, predicted.outcome):
        if seen.outcome == predicted.outcome:
            return "exact", ""
        verdict = "uncertain" if predicted.outcome == "uncertain" else "wrong"
        return verdict, f"{predicted.outcome} / {seen.reason}"
    left = Counter[str]()
    for group in () if measured.ops is None else measured.ops.not_delegated:
        left[group.op] += group.count
    certain, possible = Counter[str](), Counter[str]()
    for ops in cell.in_the_way:
        possible[ops.op] += ops.count
        surely = ops.verdict == Verdict.NOT_DELEGATED and not ops.likely
        certain[ops.op] += ops.count if surely else 0
    by_total = bool(set(left) - set(possible)) and left.total() <= possible.total()  # it names no kinds
    if by_total:
        certain, possible, left = (Counter(any=c.total()) for c in (certain, possible, left))
    if certain - left or left - possible:
        return "wrong", f"expected {dict(certain)} to be left, {dict(left)} was"
    if by_total:
        return "uncertain", BY_TOTAL
    return ("exact", "") if certain == possible else ("uncertain", f"{dict(possible - certain)}")


@dataclass
class Tally:
    """Ops of all models: how many there are, how many were really left, and what was said of them."""

    pairs: int = 0
    ops: int = 0
    uncertain: int = 0
    left: int = 0
    left_called: int = 0
    left_called_likely: int = 0
    wrong: int = 0
    wrong_likely: int = 0

    def add(self, verdicts: Sequence[OpVerdict], left: Collection[int]) -> None:
        self.ops += len(verdicts)
        self.left += len(left)
        for index, op in enumerate(verdicts):
            right = (op.verdict is Verdict.NOT_DELEGATED) == (index in left)
            self.uncertain += op.verdict is Verdict.UNCERTAIN
            self.left_called += op.certain and right and index in left
            self.left_called_likely += op.likely and right and index in left
            self.wrong += op.certain and not right
            self.wrong_likely += op.likely and not right

    def words(self) -> str:
        return (
            f"{self.pairs} pairs; {self.ops} ops, {self.uncertain} uncertain, {self.wrong} wrong,"
            f" {self.wrong_likely} likely wrong; {self.left} ops were left on the CPU: {self.left_called}"
            f" were called, {self.left_called_likely} more were called likely"
        )


def from_pairs(folder: Path, tally: Tally) -> Iterator[Judged]:
    """Source models and what the compiler mapped of them, op by op; equal ones once."""
    pairs = json.loads((folder / "pairs.json").read_text("utf-8"))["pairs"]
    tally.pairs = len(pairs)
    distinct = {(p["source_sha256"], *(op["index"] for op in p["unmapped_ops"])): p for p in pairs}
    for pair in distinct.values():
        name = f"{pair['source_file']} {pair['commit_date'] or ''}".strip()
        path = folder / "sources" / f"{pair['source_sha256'][:16]}.tflite"
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != pair["source_sha256"]:
            yield name, "uncertain", "its source is not there"
            continue
        prediction = predict(read_model_file(path), "edgetpu", Runtime("tflite-runtime", "2.14.0"))
        left = {op["index"] for op in pair["unmapped_ops"]}
        tally.add(prediction.ops, left)
        yield name, *judge_ops(prediction, left)


def judge_ops(prediction: Prediction, left: Collection[int]) -> tuple[str, str]:
    """The verdict on one model of which it is known which ops were left, and a remark."""
    said = [op for op in enumerate(prediction.ops) if op[1].verdict is not Verdict.UNCERTAIN]
    wrong = [i for i, op in said if (op.verdict is Verdict.NOT_DELEGATED) != (i in left)]
    doubtful = prediction.count(Verdict.UNCERTAIN)
    remark = f"{doubtful} ops uncertain" if doubtful else ""
    if prediction.refusal is not None:
        remark = prediction.refusal.reason
    if wrong:
        surely = any(prediction.ops[i].certain for i in wrong)
        return "wrong" if surely else "likely wrong", f"ops {wrong}; {remark}".rstrip("; ")
    if prediction.outcome in {"uncertain", "refused"}:
        return "wrong" if prediction.outcome == "refused" else "uncertain", remark
    return ("likely", f"{prediction.likely} ops") if prediction.likely else ("exact", "")


def from_logs(folder: Path) -> Iterator[Judged]:
    """Logs whose models are not at hand: no kind of op that the Edge TPU has not may be mapped in them."""
    known = rules.rules().ops
    for path in sorted([*folder.glob("*.log"), *folder.glob("*.txt")]):
        report = parse(path.read_text("utf-8"))
        never = [row for row in report.ops if row.op not in known]
        wrong = [f"{row.op} was mapped" for row in never if row.status == MAPPED]
        if report.problem:
            yield path.name, "uncertain", report.problem
        elif wrong:
            yield path.name, "wrong", ", ".join(wrong)
        elif report.ops:
            total = sum(row.count for row in report.ops)
            called = sum(row.count for row in never)
            remark = f"{total - report.mapped} of {total} ops left, {called} of them by their kind"
            yield path.name, "exact" if called == total - report.mapped else "uncertain", remark


def print_table(title: str, rows: Iterator[Judged]) -> int:
    """Returns how many rows are wrong."""
    print(f"\n{title}")
    counts, by_total = Counter[str](), 0
    for name, verdict, remark in rows:
        counts[verdict] += 1
        by_total += remark == BY_TOTAL
        print(f"  {verdict:12}  {name}  {remark}", flush=True)
    words = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS]
    print("  " + ", ".join([*words, f"{by_total} of them {BY_TOTAL}"] if by_total else words))
    return counts["wrong"]


if __name__ == "__main__":
    main()
