"""edgetpu_compiler on another host, with a stand-in for it there and a real sshd between."""

from __future__ import annotations

import pytest

from harness.accelerators import check_options
from harness.accelerators.edgetpu import compiler as edgetpu
from harness.accelerators.edgetpu import remote
from harness.accelerators.edgetpu.remote import Host
from harness.accelerators.edgetpu.step import EdgeTpuCompiler
from harness.config import SshTarget, load_config
from harness.devices.transports.run_once import run_once
from harness.errors import ModelError
from harness.tflite import read_model_file
from tests.models import dense_model
from tests.ssh.board import wait_for

HOSTILE = "with 'quotes' $(touch pwned) ü\t--flag"


@pytest.fixture
def build_host(boards, tmp_path):
    """Make a host; keywords go into the environment of what runs there."""

    def make(*lines: str, **env: str) -> Host:
        host = boards("builder", *lines, STANDIN_CALLS=str(tmp_path / "calls.txt"), **env)
        return Host(SshTarget(host.name, ssh_options=("-F", str(host.folder / "ssh_config"))), run_once)

    return make


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(dense_model(seed=1))
    return path


def test_a_model_is_compiled_there_once(build_host, standin_compiler, model, tmp_path):
    compiler = edgetpu.find(str(standin_compiler.command), build_host())
    made = edgetpu.compile_model(model, compiler, tmp_path)
    assert edgetpu.compile_model(model, compiler, tmp_path) == made
    assert standin_compiler.calls == 1
    assert [op.name for op in read_model_file(made.path).ops] == ["edgetpu-custom-op"]
    assert (made.artifact.ops_mapped, made.artifact.on_chip_bytes) == (1, 66 << 10)
    assert made.artifact.compiler == "16.0.384591198"


def test_a_banner_before_the_answer_is_skipped(build_host, standin_compiler, model, tmp_path):
    host = build_host("ForceCommand sh -c 'echo Welcome; printf half; eval \"$SSH_ORIGINAL_COMMAND\"'")
    compiler = edgetpu.find(str(standin_compiler.command), host)
    assert edgetpu.compile_model(model, compiler, tmp_path).artifact.subgraphs == 1


@pytest.mark.parametrize(
    ("mode", "reason"), [("refuse", "Model not quantized"), ("hang", "no verdict within 1 s")]
)
def test_what_goes_wrong_there_is_said(build_host, standin_compiler, model, tmp_path, mode, reason):
    compiler = edgetpu.find(str(standin_compiler.command), build_host(STANDIN_MODE=mode))
    with pytest.raises(ModelError, match=reason):
        edgetpu.compile_model(model, compiler, tmp_path, timeout_s=1.0)


def test_no_compiler_there_and_no_host(build_host):
    host = build_host()
    with pytest.raises(ModelError, match="no compiler: edgetpu_compiler is not on builder"):
        edgetpu.find(None, host)
    with pytest.raises(ModelError, match="gave no version"):
        edgetpu.find("true", host)
    with pytest.raises(ModelError, match=r"no compiler: builder: .*its name is not known"):
        nowhere = SshTarget("builder", ssh_options=("-o", "HostName=nowhere.invalid"))
        edgetpu.find(None, Host(nowhere, run_once))


def test_words_are_data_there(build_host, standin_compiler, model, tmp_path):
    """A name or flag reaches the compiler as one word; no shell has its way with it."""
    host = build_host()
    with pytest.raises(ModelError, match="is not on builder"):
        edgetpu.find(HOSTILE, host)
    compiler = edgetpu.find(str(standin_compiler.command), host)
    with pytest.raises(ModelError, match="exit status 2"):  # the stand-in knows no such flag
        edgetpu.compile_model(model, compiler, tmp_path, (HOSTILE,))
    assert not list(tmp_path.rglob("pwned"))


def test_the_host_is_named_in_the_profile(tmp_path):
    file = tmp_path / "devices.toml"
    file.write_text(
        '[devices.coral]\ndelegates = [{ name = "edgetpu", compiler_host = "builder", compiler = "bin/c" }]\n'
    )
    (spec,) = check_options(load_config(file)).devices["coral"].delegates
    assert spec.options == {"compiler_host": "builder", "compiler": "bin/c"}


def test_paths_in_ssh_options_are_relative_to_the_file(tmp_path):
    file = tmp_path / "devices.toml"
    file.write_text(
        '[devices.coral]\ndelegates = [{ name = "edgetpu", compiler_host = "builder",'
        ' compiler_ssh_options = ["-F", "ssh_config"] }]\n'
    )
    (spec,) = check_options(load_config(file)).devices["coral"].delegates
    host = EdgeTpuCompiler(tmp_path, run_once, print)._host(spec)
    assert host.target == SshTarget("builder", ssh_options=("-F", "ssh_config"), folder=tmp_path)


def test_the_model_does_not_stay_there_when_ssh_is_killed(
    build_host, standin_compiler, model, tmp_path, monkeypatch
):
    there = tmp_path / "there"
    there.mkdir()
    host = build_host(STANDIN_MODE="hang", TMPDIR=str(there))
    monkeypatch.setattr(remote, "_CONNECT_S", -2.0)  # killed so long before the compiler's time is over
    with pytest.raises(ModelError):
        host.call(str(standin_compiler.command), ["model.tflite"], model.read_bytes(), 5.0)
    assert [path.name for folder in there.iterdir() for path in folder.iterdir()].count("model.tflite") == 1
    wait_for(lambda: not list(there.iterdir()), 10, "the model is still there")


def test_a_compiler_that_only_sigkill_ends_timed_out(build_host, tmp_path):
    command = tmp_path / "stubborn"
    command.write_text('#!/bin/sh\ntrap "" TERM\nsleep 60\n')
    command.chmod(0o755)
    assert build_host().call(str(command), [], b"", 0.2) is None
