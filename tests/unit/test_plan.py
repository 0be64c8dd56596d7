"""Which cells a plan has."""

from __future__ import annotations

import pytest

from delegates.wire import ProbeResult, Runtime
from harness.analysis.baseline import check_baseline
from harness.config import DelegateSpec, DeviceProfile
from harness.devices.state import profile_as_used
from harness.errors import ConfigError
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.quantize.separate import separate
from harness.record import DeviceState, Header, Host
from harness.session.plan import Device, make_plan

HEADER = Header("now", "2026-11-21T00:00:00Z", "1", Host(), baseline="resnet_int8/cpu")


def device(name, *specs):
    profile = DeviceProfile(name, specs)
    answer = ProbeResult("python3", runtime=Runtime("ai-edge-litert", "2.1.0"))
    return Device(profile, DeviceState(name, profile=profile_as_used(profile)), answer)


@pytest.fixture
def plan_of(nets, tmp_path, standin_compiler):
    models = separate(make_variants(resolve_model(str(nets), tmp_path), [], cache=tmp_path / "cache"))
    coral = DelegateSpec("edgetpu", {"compiler": str(standin_compiler.command)})
    devices = [device("coral", DelegateSpec("cpu"), coral), device("other", DelegateSpec("cpu"))]
    return lambda only: make_plan(models, devices, tmp_path / "cache", lambda _: None, only)


def test_cells_that_are_not_selected_are_no_part_of_it(plan_of, standin_compiler):
    plan = plan_of(lambda cell: (cell.variant.name, cell.delegate.name) == ("resnet_int8", "cpu"))
    event = plan.as_event()
    assert [(cell.variant, cell.device) for cell in event.cells] == [
        ("resnet_int8", "coral"),
        ("resnet_int8", "other"),
    ]
    assert [variant.name for variant in event.variants] == ["resnet_int8"]
    assert (len(event.models), standin_compiler.calls) == (1, 0)


def test_without_a_selection_all_cells_are_planned_and_compiled(plan_of, standin_compiler):
    plan = plan_of(None)
    assert len(plan.cells) == 3 * sum(len(made.variants) for made in plan.models)
    assert len(plan.models) > 1 and standin_compiler.calls


def test_a_device_without_cells_is_left_out(plan_of):
    assert [one.name for one in plan_of(lambda cell: cell.device.name == "other").as_event().devices] == [
        "other"
    ]


def test_the_baseline_is_sought_among_the_selected_cells(plan_of):
    check_baseline(plan_of(lambda cell: cell.variant.name.startswith("resnet")).as_run(HEADER))
    rest = plan_of(lambda cell: cell.variant.name == "resnet").as_run(HEADER)
    with pytest.raises(ConfigError, match=r"--baseline resnet_int8/cpu: .* has no such cell"):
        check_baseline(rest)


def test_a_plan_without_cells_is_an_error(plan_of):
    with pytest.raises(ConfigError, match="no cell of these models and devices is selected"):
        plan_of(lambda cell: False)
