"""Predicted against observed: what delegates took of real models, and what was said beforehand.

    python benchmarks/predictions.py [--models FOLDER] [--pairs pairs.json] [--only NAME]…

FOLDER holds ready models (default: shared/models beside the checkout); pairs.json lists source models and
what edgetpu_compiler mapped of them (default: shared/edgetpu beside the checkout).

exact: every op came out as predicted. uncertain: nothing certain was wrong, or the delegate says only how
many ops it left and not which. wrong: something was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from delegates.registry import DELEGATES
from delegates.wire import Runtime
from harness import choose, compat, config, run
from harness.compat import targets
from harness.errors import QbenchError
from harness.inspect import read_model_file
from harness.predict import Verdict, edgetpu, predict
from harness.report.progress import ProgressBar

BESIDE = Path(__file__).resolve().parents[2] / "shared"
TINY = "mlperf_tiny"
PROFILES = {
    "tflite": ("tflite-runtime", "xnnpack"),
    "litert": ("ai-edge-litert", "xnnpack"),
    "gpu": ("ai-edge-litert", "gpu"),
}
QUIET = ProgressBar(quiet=True)
VERDICTS = ("exact", "uncertain", "wrong")
BY_TOTAL = "by total only"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path, default=BESIDE / "models")
    parser.add_argument("--pairs", type=Path, default=BESIDE / "edgetpu" / "pairs.json")
    parser.add_argument("--only", action="append", help="a profile: tflite, litert, gpu or edgetpu")
    asked = parser.parse_args()
    models = ["digits", "mobilenet_v2", *found_models(asked.models)]
    for name, (runtime, delegate) in PROFILES.items():
        if delegate in DELEGATES and (not asked.only or name in asked.only):
            print_table(f"{delegate}, {runtime}", compare(name, runtime, delegate, models))
    if asked.pairs.is_file() and (not asked.only or "edgetpu" in asked.only):
        print_table("edgetpu, from the models", from_models(asked.pairs, asked.models))
        print_table("edgetpu, op names only: no other rule is exercised", from_counts(asked.pairs))


def found_models(folder: Path) -> list[str]:
    """The float models that variants are made of, then every ready .tflite."""
    sources = [folder / TINY / name for name in ("ad01.h5", "pretrainedResnet.h5", "kws_ref_model")]
    ready = sorted(folder.glob("*/*.tflite"))
    return [str(path) for path in (*sources, *ready) if path.exists()]


def compare(name: str, runtime: str, delegate: str, models: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(model and variant, verdict, what was wrong), measured through the ordinary path."""
    profile = config.DeviceProfile(name, (config.DelegateSpec(delegate),), runtime=runtime)
    setup = config.Config(Path("predictions"), {name: profile}, {})
    target = targets.target(profile)
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            options = choose.Options(models=[model], devices=[name], budget_s=0.01, results=Path(folder))
            try:
                document = run.run(options, setup, QUIET).document
                made = run.make_all(
                    options, setup, targets.oldest_limiting([target]), ProgressBar(quiet=True)
                )
            except QbenchError as error:
                yield model, "uncertain", str(error)
                continue
            report = compat.report(made, [target], [document])
        measured = {cell["variant"]: cell for cell in document["cells"]}
        for cell in report["cells"]:
            yield f"{cell['model']} {cell['variant']}", *judge(cell, measured[cell["variant"]])


def judge(cell: Mapping[str, Any], measured: Mapping[str, Any]) -> tuple[str, str]:
    """The verdict on one cell, op kind by op kind."""
    predicted, seen = cell["predicted"], cell["observed"]
    if seen is None:
        return "uncertain", f"not observed: {measured['status']}: {measured['reason']}"
    if seen["outcome"] == "refused" or predicted["outcome"] == "refused":
        if seen["outcome"] == predicted["outcome"]:
            return "exact", ""
        verdict = "uncertain" if predicted["outcome"] == "uncertain" else "wrong"
        return verdict, f"{predicted['outcome']} / {seen['reason']}"
    left = Counter[str]()
    for group in measured["ops"]["not_delegated"]:
        left[group["op"]] += group["count"]
    certain, possible = Counter[str](), Counter[str]()
    for group in cell["in_the_way"]:
        possible[group["op"]] += group["count"]
        certain[group["op"]] += group["count"] if group["verdict"] == Verdict.LEFT else 0
    by_total = bool(set(left) - set(possible)) and left.total() <= possible.total()  # it names no kinds
    if by_total:
        certain, possible, left = (Counter(any=c.total()) for c in (certain, possible, left))
    if certain - left or left - possible:
        return "wrong", f"expected {dict(certain)} to be left, {dict(left)} was"
    if by_total:
        return "uncertain", BY_TOTAL
    return ("exact", "") if certain == possible else ("uncertain", f"{dict(possible - certain)}")


def from_models(pairs: Path, models: Path) -> Iterator[tuple[str, str, str]]:
    """Pairs whose source model is there, op by op."""
    local = {hashlib.sha256(p.read_bytes()).hexdigest(): p for p in models.glob("*/*.tflite")}
    for pair in distinct(pairs):
        path = local.get(pair["source_sha256"])
        if path is None:
            continue
        prediction = predict(read_model_file(path), "edgetpu", Runtime("tflite-runtime", "2.14.0"))
        left = {op["index"] for op in pair["unmapped_ops"]}
        wrong = [
            i
            for i, op in enumerate(prediction.ops)
            if op.verdict is not Verdict.UNCERTAIN and (op.verdict is Verdict.LEFT) != (i in left)
        ]
        doubtful = prediction.count(Verdict.UNCERTAIN)
        verdict = "wrong" if wrong else "uncertain" if doubtful else "exact"
        yield path.name, verdict, f"ops {wrong}" if wrong else f"{doubtful} ops" if doubtful else ""


def from_counts(pairs: Path) -> Iterator[tuple[str, str, str]]:
    """All pairs, by the names of their ops: shapes, types and options are not known then.

    exact: the ops that the Edge TPU has not, by name, are those that were left. uncertain: others were left
    beside them, which may be for reasons that names do not tell. wrong: one of them was mapped.
    """
    known = edgetpu.rules()["ops"]
    for pair in distinct(pairs):
        if pair["caveat"]:
            continue
        left = Counter(op["op"].removeprefix("CUSTOM:") for op in pair["unmapped_ops"])
        ops = {name.removeprefix("CUSTOM:"): count for name, count in pair["ops_before"].items()}
        expected = Counter({name: count for name, count in ops.items() if name not in known})
        verdict = "wrong" if expected - left else "exact" if expected == left else "uncertain"
        yield f"{pair['source_file']} {pair['commit_date'] or ''}", verdict, f"{dict(left - expected) or ''}"


def distinct(pairs: Path) -> list[dict[str, Any]]:
    """One entry per source model and what became of it."""
    listed = json.loads(pairs.read_text("utf-8"))["pairs"]
    return list({(p["source_sha256"], p["mapped_op_count"]): p for p in listed}.values())


def print_table(title: str, rows: Iterator[tuple[str, str, str]]) -> None:
    print(f"\n{title}")
    counts, by_total = Counter[str](), 0
    for name, verdict, remark in rows:
        counts[verdict] += 1
        by_total += remark == BY_TOTAL
        print(f"  {verdict:9}  {name}  {remark}", flush=True)
    words = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS]
    print("  " + ", ".join([*words, f"{by_total} of them {BY_TOTAL}"] if by_total else words))


if __name__ == "__main__":
    main()
