"""The compatibility report: predicted beside observed, in its forms, whatever models are called."""

from __future__ import annotations

import html
import json
import re
from io import StringIO
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from delegates.wire import Ops, Runtime
from harness.analysis import compat
from harness.analysis.compat import (
    CompatCell,
    CompatReport,
    CompatVariant,
    NeedingOp,
    Needs,
    ReadModel,
    Target,
    report,
    standing,
)
from harness.config import DelegateSpec, DeviceProfile
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.record import (
    BaselineName,
    Delegate,
    DeviceState,
    Document,
    Fidelity,
    Profile,
    Row,
    Speedup,
    Status,
    Variant,
    Warning,
    WorkerEnd,
)
from harness.report import compat as terminal
from harness.report import compat_html, compat_markdown
from harness.report.compat_obstacles import Remark
from harness.report.compat_view import view
from harness.tflite import read_model_file
from tests.models import dense_model
from tests.ops import Op, Tensor, build, one

LITERT = Runtime("ai-edge-litert", "2.3.0")
TFLITE = Runtime("tflite-runtime", "2.14.0")
SHAPE = [1, 4]


def two_ops() -> bytes:
    """FLOOR, which all delegates but the Edge TPU's know, and FLOOR_MOD, which XNNPACK does not."""
    tensors = {name: Tensor("float32", SHAPE) for name in "abc"}
    return build(tensors, [Op("FLOOR", ["a"], ["b"]), Op("FLOOR_MOD", ["b", "b"], ["c"])], ["a"], ["c"])


def read(folder, tmp_path) -> ReadModel:
    """A folder of .tflite files, read."""
    made = make_variants(resolve_model(str(folder), tmp_path), [], cache=tmp_path / "cache")
    pairs = tuple((one.variant, read_model_file(one.path)) for one in made.variants)
    return ReadModel(made.model, pairs, made.failed)


@pytest.fixture
def model(tmp_path) -> ReadModel:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "dense.tflite").write_bytes(dense_model(1))
    (folder / "two.tflite").write_bytes(two_ops())
    (folder / "broken.tflite").write_bytes(b"no")
    return read("net", tmp_path)


def target(*delegates: str, name: str = "board", runtimes: tuple[Runtime, ...] = (LITERT,)) -> Target:
    profile = DeviceProfile(name, tuple(DelegateSpec(d) for d in delegates), place="ssh")
    return Target(profile, runtimes, "profile")


def run_of(  # noqa: PLR0913 - the parts of an observation
    found: CompatReport,
    variant: str,
    status: Status,
    delegated: int,
    *,
    delegate: str = "xnnpack",
    options: Any = None,
    stage: str | None = "load",
    version: str = "2.3.0",
) -> Document:
    """A stored run with one cell of two ops that `found` predicts. stage: of the worker, if refused."""
    sha256 = next(v.sha256 for v in found.variants if v.name == variant)
    refusal = WorkerEnd(stage) if status == "refused" and stage else None
    row = Row(
        model="net",
        variant=variant,
        device="board",
        delegate=delegate,
        threads=1,
        baseline=False,
        status=status,
        reason="as seen",
        refusal=refusal,
        size_bytes=None,
        size_ratio=None,
        ops=Ops(2, delegated, 1),
        peak_memory_bytes=None,
        latency_ms=None,
        speedup=None,
        fidelity=None,
        warnings=(),
    )
    device = DeviceState(
        "board",
        runtime="ai-edge-litert",
        runtime_version=version,
        profile=Profile(delegates=(Delegate(delegate, options or {}),)),
    )
    return Document(
        schema=1,
        run_id="20261121-000000-000-abcd",
        finished_at=None,
        interrupted=False,
        models=(),
        variants=(Variant("net", variant, sha256=sha256),),
        devices=(device,),
        cells=(row,),
    )


def cells(found: CompatReport) -> dict[tuple[str, str, str | None], CompatCell]:
    return {(c.variant, c.delegate, c.runtime): c for c in found.cells}


def remark(found: CompatReport, head: str) -> Remark:
    """The remark whose remedy or reason contains a text."""
    (one,) = [remark for remark in view(found).obstacles if head in remark.head]
    return one


def test_every_delegate_and_runtime_has_a_cell(model):
    made = report([model], [target("cpu", "xnnpack", "edgetpu", runtimes=(TFLITE, LITERT))])
    found = cells(made)
    assert len(found) == len(made.cells) == 2 * (2 * 2 + 1)  # the Edge TPU's rules are its compiler's
    outcome = {key: cell.predicted.outcome for key, cell in found.items()}
    assert outcome["dense", "xnnpack", "tflite-runtime"] == "all"
    assert outcome["two", "xnnpack", "ai-edge-litert"] == "partly"
    assert outcome["two", "edgetpu", None] == "refused"
    way = found["two", "xnnpack", "ai-edge-litert"].in_the_way
    assert [(group.op, group.count, group.verdict) for group in way] == [("FLOOR_MOD", 1, "not taken")]
    assert [failure.name for failure in made.failed] == ["broken"]


def test_the_keys_of_the_json(model):
    """They are what scripts rely on."""
    made = json.loads(json.dumps(msgspec.to_builtins(report([model], [target("xnnpack")])), allow_nan=False))
    keys = ["schema", "qbench_version", "models", "devices", "variants", "failed", "cells"]
    assert [*made] == [*keys, "made", "runs", "verdicts", "obstacles"]
    assert made["devices"][0] == {
        "name": "board",
        "place": "ssh",
        "delegates": ["xnnpack"],
        "runtimes": [{"name": "ai-edge-litert", "version": "2.3.0"}],
        "runtimes_known_from": "profile",
    }
    variant, cell = made["variants"][1], made["cells"][1]
    keys = ["model", "variant", "scheme", "sha256", "size_bytes", "needs", "warnings"]
    assert [*variant] == [*keys, "converter", "calibration", "shape", "signature"]
    assert [*made["failed"][0]] == ["model", "variant", "reason", "side", "shape", "signature"]
    assert cell["predicted"] == {
        "outcome": "partly",
        "target": "ai-edge-litert 2.3.0",
        "total": 2,
        "taken": 1,
        "likely": 0,
        "uncertain": 0,
        "partitions": 1,
        "refusal": None,
    }
    assert [*cell["in_the_way"][0]] == ["op", "count", "verdict", "likely", "reason", "remedy", "source"]


@pytest.mark.parametrize(
    ("status", "delegated", "matches", "text"),
    [
        ("partial", 1, True, "◐ 1 of 2 ●"),
        ("fallback", 0, False, "✗ none ≠"),
        ("refused", 0, False, "✗ refused ≠"),
    ],
)
def test_observed_beside_predicted(model, status, delegated, matches, text):
    plain = report([model], [target("xnnpack")])
    found = report([model], [target("xnnpack")], [run_of(plain, "two", status, delegated)])
    observed = cells(found)["two", "xnnpack", "ai-edge-litert"].observed
    assert observed is not None and observed.matches is matches
    seen = view(found)
    assert seen.matrices[1].lines[0].entries[0].text == text
    assert len(seen.differences) == (not matches)
    heads = [remark.head for remark in seen.obstacles]
    expected = "FLOOR_MOD: no kernel in XNNPACK" if matches else "as seen"
    assert len(heads) == 1 and expected in heads[0]
    assert [run.cells for run in found.runs] == [1]


@pytest.mark.parametrize(
    ("status", "limits"),
    [
        (None, ["uncertain", "perhaps refused"]),
        ("ok", []),  # what a run saw taken or loaded is in doubt no more
        ("refused", ["as seen"]),
    ],
)
def test_what_a_run_saw_settles_what_was_uncertain(tmp_path, status, limits):
    """Of a LiteRT between those that were asked it is not known whether it has ADD version 6."""
    folder = tmp_path / "net"
    folder.mkdir()
    tensors = {name: Tensor("float32", SHAPE) for name in "abc"}
    ops = [Op("EXP", ["a"], ["b"]), Op("ADD", ["b", "b"], ["c"], version=6)]
    (folder / "odd.tflite").write_bytes(build(tensors, ops, ["a"], ["c"]))
    made = read("net", tmp_path)
    older = target("xnnpack", runtimes=(Runtime("ai-edge-litert", "1.2.0"),))
    runs = [run_of(report([made], [older]), "odd", status, 2, version="1.2.0")] if status else []
    found = report([made], [older], runs)
    assert not view(found).differences
    said = [f"{remark.head} {' '.join(remark.reasons)}" for remark in view(found).obstacles]
    assert all(any(limit in text for text in said) for limit in limits)
    assert bool(said) is bool(limits)


def test_other_files_runtimes_and_devices_are_no_observation(model):
    run = run_of(report([model], [target("xnnpack")]), "two", "partial", 1)
    (row,), (variant,), (device,) = run.cells, run.variants, run.devices
    for changed in (
        replace(run, variants=(replace(variant, sha256="0" * 64),)),
        replace(run, devices=(replace(device, runtime_version="2.2.0"),)),
        replace(run, cells=(replace(row, device="other"),)),
        replace(run, cells=(replace(row, status="timeout"),)),
        replace(run, cells=(replace(row, ops=None),)),
    ):
        found = report([model], [target("xnnpack")], [changed])
        assert all(cell.observed is None for cell in found.cells)


@pytest.mark.parametrize(
    ("delegate", "stage", "counts"),
    [
        ("xnnpack", "load", True),
        ("xnnpack", "allocate", True),
        ("xnnpack", "invoke", False),
        ("xnnpack", None, False),
        ("edgetpu", None, True),  # by its compiler
    ],
)
def test_only_some_refusals_are_observations(model, delegate, stage, counts):
    plain = report([model], [target(delegate)])
    run = run_of(plain, "two", "refused", 0, delegate=delegate, stage=stage)
    found = report([model], [target(delegate)], [run])
    assert any(cell.observed for cell in found.cells) is counts


def seen_of(model: ReadModel, *runs: Document) -> CompatCell:
    """The cell of `two` on xnnpack, with these runs stored one after the other."""
    named = [replace(run, run_id=f"run-{number}") for number, run in enumerate(runs)]
    return cells(report([model], [target("xnnpack")], named))["two", "xnnpack", "ai-edge-litert"]


def changed(run: Document, **keys: Any) -> Document:
    return replace(run, cells=(replace(run.cells[0], **keys),))


def test_a_latest_run_that_failed_is_told_until_another_one_succeeds(model):
    good = run_of(report([model], [target("xnnpack")]), "two", "partial", 1)
    for status, stage in (("crashed", None), ("timeout", None), ("refused", "invoke")):
        refusal = WorkerEnd(stage) if stage else None
        bad = changed(good, status=status, refusal=refusal, ops=None)
        failed = seen_of(model, good, bad)
        assert failed.failure is not None and failed.failure.status == status
        assert failed.observed is not None and failed.observed.run_id == "run-0"
        assert standing(failed).kind == "failed"
        assert seen_of(model, bad, good).failure is None
        lost = replace(bad, devices=(replace(bad.devices[0], problem="connection lost"),))
        assert seen_of(model, good, lost).failure is None


def test_outputs_that_were_wrong_stay_wrong_until_they_are_compared_again(model):
    good = run_of(report([model], [target("xnnpack")]), "two", "partial", 1)
    wrong = changed(good, warnings=(Warning("delegate-differs", "it computes something else"),))
    silent = changed(good, warnings=(Warning("not-compared", "alone"),))
    assert standing(seen_of(model, wrong)).kind == "wrong"
    assert standing(seen_of(model, wrong, silent)).kind == "wrong"
    assert standing(seen_of(model, wrong, good)).kind == "partly"
    assert standing(seen_of(model, silent)).compared is False
    elsewhere = changed(wrong, delegate_facts={"software": True})  # a stand-in's outputs say nothing of this
    assert standing(seen_of(model, elsewhere, silent)).kind == "partly"
    far = changed(good, fidelity=Fidelity("float32/cpu@board", sqnr_db=3.0))  # stored before the warning was
    assert standing(seen_of(model, far)).kind == "wrong"


def test_speedups_are_those_of_valid_times(model):
    good = run_of(report([model], [target("xnnpack")]), "two", "partial", 1)
    fast = Speedup(3.0, 2.9, 3.1, BaselineName("float32", "cpu", "board", 1))
    assert standing(seen_of(model, changed(good, speedup=fast))).speedup == fast
    assert standing(seen_of(model, changed(good, speedup=fast, baseline=True))).speedup is None
    for code in ("zero-times", "software-gpu", "interface-differs"):
        doubtful = changed(good, speedup=fast, warnings=(Warning(code, "…"),))
        assert standing(seen_of(model, doubtful)).speedup is None


def test_of_several_thread_counts_the_first_counts_unless_one_is_wrong(model):
    good = run_of(report([model], [target("xnnpack")]), "two", "partial", 1)
    (row,) = good.cells
    wrong = (Warning("nan-output", "NaN"),)
    both = replace(good, cells=(row, replace(row, threads=4)))
    assert standing(seen_of(model, both)).threads == 1
    bad = replace(good, cells=(row, replace(row, threads=4, warnings=wrong)))
    assert (standing(seen_of(model, bad)).kind, standing(seen_of(model, bad)).threads) == ("wrong", 4)


@pytest.mark.parametrize(
    ("delegate", "options", "stored", "counts"),
    [
        ("xnnpack", {}, {}, True),
        ("gpu", {"precision": "float32"}, {}, False),
        ("edgetpu", {"compiler_args": ("-s", "-d")}, {"compiler_args": ["-s", "-d"]}, True),
        ("edgetpu", {}, {"compiler_args": ["-s"]}, False),
        ("edgetpu", {"compiler": "/a", "compiler_timeout": 9.0}, {"compiler": "/b"}, True),
    ],
)
def test_other_options_are_no_observation(model, delegate, options, stored, counts):
    asked = Target(DeviceProfile("board", (DelegateSpec(delegate, options),)), (LITERT,), "profile")
    run = run_of(report([model], [asked]), "two", "partial", 1, delegate=delegate, options=stored)
    found = report([model], [asked], [run])
    assert any(cell.observed for cell in found.cells) is counts


def test_all_forms_say_the_same(model):
    document = report([model], [target("xnnpack", "edgetpu")])
    out = StringIO()
    terminal.render(document, Console(file=out, width=200, highlight=False))
    page = re.sub(r"<[^>]+>", " ", html.unescape(compat_html.render(document)))
    texts = (out.getvalue(), compat_markdown.render(document), page)
    for text in texts:
        plain = text.replace("\\", "")
        for expected in (
            "✓ all",
            "◐ 1 of 2",
            "✗ refused",
            "FLOOR_MOD",
            "Model not quantized",
            "broken",
            "predicted",
        ):
            assert expected in plain


def test_all_forms_say_what_is_only_likely(tmp_path):
    data = one(
        "RESIZE_NEAREST_NEIGHBOR",
        [Tensor("int8", [1, 6, 6, 8]), Tensor("int32", [2], values=[12, 12])],
        [Tensor("int8", [1, 12, 12, 8])],
        {},
    )
    (tmp_path / "up.tflite").write_bytes(data)
    document = report([read("up.tflite", tmp_path)], [target("edgetpu")])
    (cell,) = document.cells
    assert (cell.predicted.outcome, cell.predicted.likely) == ("all", 1)
    assert [(way.verdict, way.likely) for way in cell.in_the_way] == [("taken", True)]
    out = StringIO()
    terminal.render(document, Console(file=out, width=200, highlight=False))
    page = re.sub(r"<[^>]+>", " ", html.unescape(compat_html.render(document)))
    for text in (out.getvalue(), compat_markdown.render(document), page):
        plain = text.replace("\\", "")
        for expected in ("✓ likely all", "RESIZE_NEAREST_NEIGHBOR likely taken", "seen mapped", "likely:"):
            assert expected in plain


def test_the_oldest_release_that_loads_a_variant(model):
    needs = {variant.name: variant.needs for variant in report([model], [target("cpu")]).variants}
    assert needs["dense"] == Needs("1.5", (NeedingOp("FULLY_CONNECTED", 1, False),))
    assert needs["two"] is not None and needs["two"].release == "1.13"


def needing(name: str, release: str | None, op: str = "FULLY_CONNECTED") -> CompatVariant:
    return CompatVariant("net", name, "float32", None, None, Needs(release, (NeedingOp(op, 1, False),)), ())


def test_the_oldest_releases_are_one_table(model):
    variants = (needing("0", "2.9"), needing("1", None), needing("2", "2.16"), needing("3", "2.9", "GELU"))
    other = replace(needing("0", "2.10", "ADD"), model="other")
    table = view(replace(report([model], [target("cpu")]), variants=(*variants, other))).releases
    assert table.headers == ("variant", "net", "other", "because of")
    assert table.lines == (
        ("0", "2.9", "2.10", "FULLY_CONNECTED version 1, ADD version 1"),
        ("1", "newer than all known", "–", "FULLY_CONNECTED version 1"),  # noqa: RUF001
        ("2", "2.16", "–", "FULLY_CONNECTED version 1"),  # noqa: RUF001
        ("3", "2.9", "–", "GELU version 1"),  # noqa: RUF001
    )
    assert "needs ai-edge-litert" in table.note
    assert "needs ai-edge-litert" not in view(report([model], [target("cpu")])).releases.note


def test_runtimes_of_a_profile():
    def known(**keys) -> tuple[list[str], str]:
        found = compat.target(DeviceProfile("d", (DelegateSpec("cpu"),), **keys), [LITERT, TFLITE])
        return [runtime.name for runtime in found.runtimes], found.known_from

    assert known() == (["ai-edge-litert"], "installed")
    assert known(runtime="tflite-runtime") == (["tflite-runtime"], "installed")
    assert known(place="ssh") == (["tflite-runtime", "ai-edge-litert"], "assumed")
    assert known(place="ssh", runtime="tflite-runtime") == (["tflite-runtime"], "profile")
    assert known(python="/other/python", runtime="tensorflow") == (["tensorflow"], "profile")
