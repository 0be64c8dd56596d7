"""The compatibility report: predicted beside observed, in its forms, whatever models are called."""

from __future__ import annotations

import html
import json
import re
from io import StringIO

import pytest
from rich.console import Console

from delegates.wire import Runtime
from harness.analysis.compat import Target, report, targets
from harness.config import DelegateSpec, DeviceProfile
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.report import compat as terminal
from harness.report import compat_html, compat_markdown
from harness.report.compat_view import view
from tests.models import dense_model
from tests.ops import Op, Tensor, build, one

LITERT = Runtime("ai-edge-litert", "2.3.0")
TFLITE = Runtime("tflite-runtime", "2.14.0")
NASTY = '<b>|`_*"\x1b[31m&'
SHAPE = [1, 4]


def two_ops() -> bytes:
    """FLOOR, which all delegates but the Edge TPU's know, and FLOOR_MOD, which XNNPACK does not."""
    tensors = {name: Tensor("float32", SHAPE) for name in "abc"}
    return build(tensors, [Op("FLOOR", ["a"], ["b"]), Op("FLOOR_MOD", ["b", "b"], ["c"])], ["a"], ["c"])


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "dense.tflite").write_bytes(dense_model(1))
    (folder / "two.tflite").write_bytes(two_ops())
    (folder / "broken.tflite").write_bytes(b"no")
    return make_variants(resolve_model("net", tmp_path), [], cache=tmp_path / "cache")


def target(*delegates: str, name: str = "board", runtimes: tuple[Runtime, ...] = (LITERT,)) -> Target:
    profile = DeviceProfile(name, tuple(DelegateSpec(d) for d in delegates), place="ssh")
    return Target(profile, runtimes, "profile")


def run_of(document, variant: str, status: str, delegated: int, total: int) -> dict:
    """A result document with one cell of what `document` predicted."""
    sha256 = next(v["sha256"] for v in document["variants"] if v["variant"] == variant)
    return {
        "run_id": "20261121-000000-000-abcd",
        "variants": [{"model": "net", "variant": variant, "sha256": sha256}],
        "devices": [
            {
                "name": "board",
                "runtime": "ai-edge-litert",
                "runtime_version": "2.3.0",
                "profile": {"delegates": [{"name": "xnnpack", "options": {}}]},
            }
        ],
        "cells": [
            {
                "model": "net",
                "variant": variant,
                "device": "board",
                "delegate": "xnnpack",
                "status": status,
                "reason": "as seen",
                "refusal": {"stage": "load"} if status == "refused" else None,
                "ops": {"total": total, "delegated": delegated, "not_delegated": []},
            }
        ],
    }


def cells(document) -> dict[tuple[str, str, str | None], dict]:
    return {(c["variant"], c["delegate"], c["runtime"]): c for c in document["cells"]}


def test_every_delegate_and_runtime_has_a_cell(model):
    document = report([model], [target("cpu", "xnnpack", "edgetpu", runtimes=(TFLITE, LITERT))])
    found = cells(document)
    assert len(found) == len(document["cells"]) == 2 * (2 * 2 + 1)  # the Edge TPU's rules are its compiler's
    outcome = {key: cell["predicted"]["outcome"] for key, cell in found.items()}
    assert outcome["dense", "xnnpack", "tflite-runtime"] == "all"
    assert outcome["two", "xnnpack", "ai-edge-litert"] == "partly"
    assert outcome["two", "edgetpu", None] == "refused"
    way = found["two", "xnnpack", "ai-edge-litert"]["in_the_way"]
    assert [(g["op"], g["count"], g["verdict"]) for g in way] == [("FLOOR_MOD", 1, "not taken")]
    assert [f["variant"] for f in document["failed"]] == ["broken"]
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(
    ("status", "delegated", "matches", "mark", "text"),
    [
        ("partial", 1, True, "●", "1 of 2"),
        ("fallback", 0, False, "≠", "none of 2 (predicted 1 of 2)"),
        ("refused", 0, False, "≠", "refused (predicted 1 of 2)"),
    ],
)
def test_observed_beside_predicted(model, status, delegated, matches, mark, text):
    plain = report([model], [target("xnnpack")])
    document = report([model], [target("xnnpack")], [run_of(plain, "two", status, delegated, 2)])
    cell = cells(document)["two", "xnnpack", "ai-edge-litert"]
    assert cell["observed"]["matches"] is matches
    entry = view(document).matrices[0].rows[1][2][0]
    assert (entry.mark, entry.text) == (mark, text)
    assert len(view(document).differences) == (not matches)
    assert [remark.reason for remark in view(document).in_the_way] == ["no kernel in XNNPACK"] * matches


@pytest.mark.parametrize(
    ("status", "in_the_way", "limits"),
    [
        (None, ["uncertain"], ["perhaps refused"]),
        ("ok", [], []),  # what a run saw taken or loaded is in doubt no more
        ("refused", ["uncertain"], ["as seen"]),
    ],
)
def test_what_a_run_saw_settles_what_was_uncertain(tmp_path, status, in_the_way, limits):
    """Of a LiteRT between those that were asked it is not known whether it has ADD version 6."""
    folder = tmp_path / "net"
    folder.mkdir()
    tensors = {name: Tensor("float32", SHAPE) for name in "abc"}
    ops = [Op("EXP", ["a"], ["b"]), Op("ADD", ["b", "b"], ["c"], version=6)]
    (folder / "odd.tflite").write_bytes(build(tensors, ops, ["a"], ["c"]))
    made = make_variants(resolve_model("net", tmp_path), [], cache=tmp_path / "cache")
    older = target("xnnpack", runtimes=(Runtime("ai-edge-litert", "1.2.0"),))
    plain = report([made], [older])
    runs = [run_of(plain, "odd", status, 2, 2)] if status else []
    for stored in runs:
        stored["devices"][0]["runtime_version"] = "1.2.0"
    found = view(report([made], [older], runs))
    assert not found.differences
    assert len(found.in_the_way) == len(in_the_way)
    said = [f"{remark.where} {remark.reason}" for remark in found.limits if "TensorFlow" not in remark.where]
    assert len(said) == len(limits) and all(a in b for a, b in zip(limits, said, strict=True))


def test_other_files_runtimes_and_devices_are_no_observation(model):
    plain = report([model], [target("xnnpack")])
    run = run_of(plain, "two", "partial", 1, 2)
    for change in (
        {"variants": [{**run["variants"][0], "sha256": "0" * 64}]},
        {"devices": [{**run["devices"][0], "runtime_version": "2.2.0"}]},
        {"cells": [{**run["cells"][0], "device": "other"}]},
        {"cells": [{**run["cells"][0], "status": "timeout"}]},
        {"cells": [{**run["cells"][0], "ops": None}]},
    ):
        document = report([model], [target("xnnpack")], [{**run, **change}])
        assert all(cell["observed"] is None for cell in document["cells"])


@pytest.mark.parametrize(
    ("delegate", "refusal", "counts"),
    [
        ("xnnpack", {"stage": "load"}, True),
        ("xnnpack", {"stage": "allocate"}, True),
        ("xnnpack", {"stage": "invoke"}, False),
        ("xnnpack", None, False),
        ("edgetpu", None, True),  # by its compiler
    ],
)
def test_only_some_refusals_are_observations(model, delegate, refusal, counts):
    run = run_of(report([model], [target(delegate)]), "two", "refused", 0, 2)
    run["devices"][0]["profile"]["delegates"][0]["name"] = delegate
    run["cells"][0].update(delegate=delegate, refusal=refusal)
    document = report([model], [target(delegate)], [run])
    assert any(cell["observed"] for cell in document["cells"]) is counts


@pytest.mark.parametrize(
    ("options", "stored", "counts"),
    [
        ({}, {}, True),
        ({"precision": "float32"}, {}, False),
        ({"compiler_args": ("-s", "-d")}, {"compiler_args": ["-s", "-d"]}, True),
        ({}, {"compiler_args": ["-s"]}, False),
        ({"compiler": "/a", "compiler_timeout": 9.0}, {"compiler": "/b", "compiler_host": "h"}, True),
    ],
)
def test_other_options_are_no_observation(model, options, stored, counts):
    """Where a compiler is, and how long it may take, changes nothing of what it says."""
    name = "edgetpu" if "compiler" in options else "xnnpack"
    profile = DeviceProfile("board", (DelegateSpec(name, options),))
    asked = Target(profile, (LITERT,), "profile")
    run = run_of(report([model], [asked]), "two", "partial", 1, 2)
    run["devices"][0]["profile"]["delegates"][0] = {"name": name, "options": stored}
    run["cells"][0]["delegate"] = name
    document = report([model], [asked], [run])
    assert any(cell["observed"] for cell in document["cells"]) is counts


def test_all_forms_say_the_same(model):
    document = report([model], [target("xnnpack", "edgetpu")])
    out = StringIO()
    terminal.render(document, Console(file=out, width=200, highlight=False))
    page = re.sub(r"<[^>]+>", " ", html.unescape(compat_html.render(document)))
    texts = (out.getvalue(), compat_markdown.render(document), page)
    for text in texts:
        plain = text.replace("\\", "")
        for expected in ("○ all 1", "○ 1 of 2", "○ refused", "FLOOR_MOD", "Model not quantized", "broken"):
            assert expected in plain


def test_all_forms_say_what_is_only_likely(tmp_path):
    data = one(
        "RESIZE_NEAREST_NEIGHBOR",
        [Tensor("int8", [1, 6, 6, 8]), Tensor("int32", [2], values=[12, 12])],
        [Tensor("int8", [1, 12, 12, 8])],
        {},
    )
    (tmp_path / "up.tflite").write_bytes(data)
    made = make_variants(resolve_model("up.tflite", tmp_path), [], cache=tmp_path / "cache")
    document = report([made], [target("edgetpu")])
    (cell,) = document["cells"]
    assert (cell["predicted"]["outcome"], cell["predicted"]["likely"]) == ("all", 1)
    assert [(way["verdict"], way["likely"]) for way in cell["in_the_way"]] == [("taken", True)]
    out = StringIO()
    terminal.render(document, Console(file=out, width=200, highlight=False))
    page = re.sub(r"<[^>]+>", " ", html.unescape(compat_html.render(document)))
    for text in (out.getvalue(), compat_markdown.render(document), page):
        plain = text.replace("\\", "")
        for expected in ("○ likely all 1", "RESIZE_NEAREST_NEIGHBOR likely taken", "seen taken", "likely:"):
            assert expected in plain


def test_names_are_shown_as_they_are(model):
    document = report([model], [target("xnnpack", name=NASTY)])
    page = compat_html.render(document)
    assert "<b>" not in page and "&lt;b&gt;|`_*" in page and "\x1b" not in page
    assert "<script" not in page and "http" not in page.split("</style>")[0]
    assert "\\<b\\>\\|\\`\\_\\*" in compat_markdown.render(document)
    out = StringIO()
    terminal.render(document, Console(file=out, width=80, highlight=False))
    assert "\x1b" not in out.getvalue() and "<b>|`_*" in out.getvalue()


def test_the_oldest_release_that_loads_a_variant(model):
    needs = {v["variant"]: v["needs"] for v in report([model], [target("cpu")])["variants"]}
    assert needs["dense"] == {
        "release": "1.5",
        "ops": [{"op": "FULLY_CONNECTED", "version": 1, "int16": False}],
    }
    assert needs["two"]["release"] == "1.13"


def test_releases_are_named_once_the_oldest_first(model):
    document = report([model], [target("cpu")])
    plain = next(v["needs"] for v in document["variants"] if v["variant"] == "dense")
    releases = ["2.9", None, "2.10", "2.9"]
    document["variants"] = [
        {"model": "net", "variant": str(number), "needs": {**plain, "release": release}}
        for number, release in enumerate(releases)
    ]
    document["variants"][3]["needs"]["ops"] = [{"op": "GELU", "version": 1, "int16": False}]
    where = [remark.where for remark in view(document).limits]
    assert where == [
        "TensorFlow Lite 2.9 or newer",
        "TensorFlow Lite 2.9 or newer",  # for another op; the terminal prints the heading once
        "TensorFlow Lite 2.10 or newer",
        "a TensorFlow Lite newer than all known here",
    ]


def test_runtimes_of_a_profile():
    def known(**keys) -> tuple[list[str], str]:
        found = targets.target(DeviceProfile("d", (DelegateSpec("cpu"),), **keys))
        return [runtime.name for runtime in found.runtimes], found.known_from

    assert known() == (["ai-edge-litert"], "installed")
    assert known(place="ssh") == (["tflite-runtime", "ai-edge-litert"], "assumed")
    assert known(place="ssh", runtime="tflite-runtime") == (["tflite-runtime"], "profile")
    assert known(python="/other/python", runtime="tensorflow") == (["tensorflow"], "profile")
    named = [targets.target(DeviceProfile("d", (), place="ssh", runtime="tflite-runtime"))]
    assert targets.oldest_limiting(named) == (2, 14)
    assert targets.oldest_limiting([targets.target(DeviceProfile("d", (), place="ssh"))]) is None
