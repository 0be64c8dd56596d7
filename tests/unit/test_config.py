"""devices.toml: what it gives, and the one line it gets when something is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.accelerators import check_options
from harness.config import DelegateSpec, DeviceProfile, SshTarget, VariantSpec, find_devices_file, load_config
from harness.errors import ConfigError

INT16_OPS = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"


def load(folder, text):
    path = folder / "devices.toml"
    path.write_text(text, encoding="utf-8")
    return check_options(load_config(path))


def variant(folder, text):
    return load(folder, f'[devices.cpu]\n[variants.mine]\n{text}\nsupported_types = ["float32"]').variants[
        "mine"
    ]


def test_the_shipped_profiles(tmp_path):
    path = find_devices_file(None, tmp_path)
    config = load_config(path)
    assert path.name == "devices.toml"
    assert config.devices == {
        "cpu": DeviceProfile("cpu", (DelegateSpec("cpu"),)),
        "xnnpack": DeviceProfile("xnnpack", (DelegateSpec("xnnpack"),)),
        "gpu": DeviceProfile("gpu", (DelegateSpec("gpu"),), runtime="ai-edge-litert"),
        "coral": DeviceProfile("coral", (DelegateSpec("cpu"), DelegateSpec("edgetpu"))),
    }
    assert config.variants == {}


def test_the_shipped_examples_are_valid(tmp_path):
    """With the comment signs taken away, but for the prose above and the placeholder for an option."""
    text = find_devices_file(None, tmp_path).read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    code = [line for line in lines if line.startswith("[") or " = " in line.split("#")[0]]
    config = load(tmp_path, "\n".join(code).replace('python = ""', 'python = "python3"'))
    assert config.devices["example"] == DeviceProfile(
        "example", (DelegateSpec("cpu"), DelegateSpec("xnnpack")), python="python3", affinity=(0,)
    )
    assert config.devices["tflite"].runtime == "tflite-runtime"
    assert config.devices["big_cores"].threads == (1, 2)
    assert config.variants["int8_u8in"].inference_input_type == "uint8"


def test_the_nearest_file_upwards(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "devices.toml").touch()
    assert find_devices_file(None, deep) == tmp_path / "devices.toml"
    (tmp_path / "a" / "devices.toml").touch()
    assert find_devices_file(None, deep) == tmp_path / "a" / "devices.toml"
    assert find_devices_file(Path("other.toml"), deep) == Path("other.toml")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_devices_file_that_somebody_left_in_a_common_folder_is_not_used_unasked(tmp_path):
    """Anybody can put one into /tmp, and it can name programs. In a folder of their own it is theirs."""
    (tmp_path / "deep").mkdir()
    left = tmp_path / "devices.toml"
    left.write_text('[devices.cpu]\ndelegates = ["cpu"]\n')
    os.chown(left, 54321, -1)
    tmp_path.chmod(0o1777)
    for start in (tmp_path, tmp_path / "deep"):
        with pytest.raises(ConfigError, match=f"if it is meant: --devices-file {left}"):
            find_devices_file(None, start)
    assert find_devices_file(left, tmp_path) == left
    os.chown(tmp_path, 54321, -1)
    assert find_devices_file(None, tmp_path) == left


def test_every_device_key(tmp_path):
    config = load(
        tmp_path,
        """
        [devices."pi-4.b"]
        place = "local"
        python = "venv/bin/python"
        runtime = "ai-edge-litert"
        delegates = ["cpu", { name = "gpu", precision = "float32", fallback = false }]
        threads = [1, 4]
        affinity = [2, 3]
        timeout = 5
        env = { OMP_NUM_THREADS = "1" }
        """,
    )
    assert config.devices["pi-4.b"] == DeviceProfile(
        name="pi-4.b",
        delegates=(DelegateSpec("cpu"), DelegateSpec("gpu", {"precision": "float32", "fallback": False})),
        python=str(tmp_path / "venv/bin/python"),
        runtime="ai-edge-litert",
        threads=(1, 4),
        affinity=(2, 3),
        timeout_s=5.0,
        env={"OMP_NUM_THREADS": "1"},
    )


def test_every_key_of_a_board(tmp_path):
    config = load(
        tmp_path,
        """
        [devices.pi4]
        place = "ssh"
        host = "pi4.lab"
        user = "pi"
        port = 2222
        identity_file = "keys/lab"
        ssh_options = ["-F", "lab.conf", "-vJ", "gate", "-o", "User=a", "-o", "User=a", "-A4"]
        workdir = "~/bench $(here)"
        python = "tflite/bin/python"
        note = "emulated"
        """,
    )
    profile = config.devices["pi4"]
    assert (profile.place, profile.note) == ("ssh", "emulated")
    assert profile.python == "~/tflite/bin/python"  # a path on the board, not here
    assert profile.ssh == SshTarget(
        host="pi4.lab",
        user="pi",
        port=2222,
        identity_file=str(tmp_path / "keys/lab"),
        ssh_options=(
            "-F", "lab.conf", "-vJ", "gate", "-o", "User=a", "-o", "User=a", "-A4",
        ),
        workdir="~/bench $(here)",
        folder=tmp_path,
    )  # fmt: skip


@pytest.mark.parametrize("host", ["pi4", "pi@pi4", "192.168.0.7", "fe80::1%eth0", "[::1]", "my_board-2.lab"])
def test_names_of_hosts(tmp_path, host):
    """A name from ~/.ssh/config is enough."""
    profile = load(tmp_path, SSH + f'host = "{host}"').devices["a"]
    assert profile.ssh == SshTarget(host=host, folder=tmp_path)
    assert profile.python is None


def test_profiles_of_one_board_share_its_target(tmp_path):
    text = "".join(f'[devices.{name}]\nplace = "ssh"\nhost = "pi4"\n' for name in "ab")
    devices = load(tmp_path, text).devices
    assert devices["a"].ssh == devices["b"].ssh
    assert len({devices["a"].ssh, devices["b"].ssh}) == 1


@pytest.mark.parametrize("python", ["~/venv/bin/python", "/usr/bin/python3", "python3.11"])
def test_pythons_left_as_they_are(tmp_path, python):
    assert load(tmp_path, f'[devices.a]\npython = "{python}"').devices["a"].python == python


def test_every_variant_key_in_pasted_forms(tmp_path):
    config = load(
        tmp_path,
        """
        [devices.cpu]
        [variants.mine]
        optimizations = ["tf.lite.Optimize.DEFAULT"]
        supported_ops = ["tf.lite.OpsSet.TFLITE_BUILTINS_INT8", "SELECT_TF_OPS"]
        supported_types = ["tf.int8"]
        inference_input_type = "tf.uint8"
        inference_output_type = "np.float32"
        representative_dataset = "data/train.npz,samples=8"
        """,
    )
    assert config.variants["mine"] == VariantSpec(
        name="mine",
        optimizations=("DEFAULT",),
        supported_ops=("TFLITE_BUILTINS_INT8", "SELECT_TF_OPS"),
        supported_types=("int8",),
        inference_input_type="uint8",
        inference_output_type="float32",
        representative_dataset=f"{tmp_path}/data/train.npz,samples=8",
        needs_calibration=True,
    )


def test_retired_names_become_default_and_say_so(tmp_path):
    made = variant(tmp_path, 'optimizations = ["OPTIMIZE_FOR_SIZE", "tf.lite.Optimize.OPTIMIZE_FOR_LATENCY"]')
    assert made.optimizations == ("DEFAULT",)
    assert [note.split()[0] for note in made.notes] == ["OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY"]
    assert "old name of DEFAULT" in made.notes[0]


@pytest.mark.parametrize(
    ("text", "needs", "source"),
    [
        ("", False, None),
        ('optimizations = ["DEFAULT"]', False, None),
        ('supported_ops = ["TFLITE_BUILTINS"]', False, None),
        ('supported_ops = ["TFLITE_BUILTINS", "TFLITE_BUILTINS_INT8"]', True, None),
        (f'supported_ops = ["{INT16_OPS}"]', True, None),
        ('inference_input_type = "int8"', True, None),
        ('inference_output_type = "float32"', False, None),
        ("representative_dataset = true", True, None),
        ('inference_input_type = "int8"\nrepresentative_dataset = false', False, None),
        ('representative_dataset = "generate"', True, "generate"),
        ('representative_dataset = "my.data:samples"', True, "my.data:samples"),
        ('representative_dataset = "~/x.npy"', True, "~/x.npy"),
    ],
)
def test_when_calibration_is_needed(tmp_path, text, needs, source):
    made = variant(tmp_path, text)
    assert (made.needs_calibration, made.representative_dataset) == (needs, source)


SSH = '[devices.a]\nplace = "ssh"\n'

WRONG = {
    '[devices.pi4]\nruntme = "auto"': '[devices.pi4] key "runtme": unknown key; did you mean "runtime"?',
    '[device.pi4]\nruntime = "auto"': '[device]: unknown table; did you mean "devices"?',
    '[devices.a]\nruntime = "tflite"': '"runtime": unknown value "tflite"; did you mean "tflite-runtime"?',
    '[devices.a]\ndelegates = ["xnpack"]': '[devices.a] key "delegates": unknown value "xnpack"; did',
    '[devices.a]\ndelegates = "cpu"': 'key "delegates": a list expected, found a string',
    "[devices.a]\ndelegates = []": 'key "delegates": the list is empty',
    '[devices.a]\ndelegates = ["gpu", { name = "gpu", fallback = true }]': '"gpu" is listed twice',
    '[devices.a]\ndelegates = ["cpu", "cpu"]': "is listed twice",
    '[devices.a]\ndelegates = [{ option = "cpu" }]': 'needs a "name"',
    '[devices.a]\ndelegates = [{ name = "cpu", x = 1 }]': '"cpu" has no option "x"; this delegate has no',
    '[devices.a]\ndelegates = [{ name = "gpu", precison = "x" }]': 'did you mean "precision"?',
    '[devices.a]\ndelegates = [{ name = "gpu", precision = "int8" }]': 'option "precision": unknown value',
    '[devices.a]\ndelegates = [{ name = "gpu", fallback = 1 }]': '"fallback": true or false expected',
    '[devices.a]\ndelegates = [{ name = "gpu", library = "x.so", precision = "float16" }]': "to LiteRT's",
    '[devices.a]\ndelegates = [{ name = "edgetpu", device = "usb1" }]': '"usb1" does not name an Edge TPU',
    '[devices.a]\ndelegates = ["external"]': '"external" needs a library',
    '[devices.a]\ndelegates = [{ name = "external", library = "x", options = 1 }]': "a table expected",
    '[devices.a]\ndelegates = [{ name = "external", library = "x", options = { a = [1] } }]': '"a" has to be',
    "[devices.a]\nthreads = 0": 'key "threads": 0 is too small; at least 1',
    "[devices.a]\nthreads = 99999": 'key "threads": 99999 is too large; at most 1024',
    "[devices.a]\naffinity = [99999]": 'key "affinity": 99999 is too large; at most 8191',
    "[devices.a]\nthreads = [1, true]": "a whole number expected, found true or false",
    "[devices.a]\nthreads = [2, 2]": "2 is listed twice",
    "[devices.a]\nthreads = 1.5": "a whole number expected, found a number",
    "[devices.a]\naffinity = 3": "a list expected, found a whole number",
    "[devices.a]\naffinity = [-1]": "-1 is too small; at least 0",
    "[devices.a]\ntimeout = nan": 'key "timeout": nan is out of range',
    '[devices.a]\ntimeout = "60"': "a number of seconds expected, found a string",
    "[devices.a]\nenv = { A = 1 }": 'key "env": the value of "A" has to be a string',
    '[devices.a]\npython = ""': 'key "python": a non-empty string without control characters',
    '[devices.a]\nplace = "ssh"': '[devices.a] place = "ssh" needs a key "host"',
    '[devices.a]\nhost = "pi4"': 'key "host" applies to place = "ssh" only',
    '[devices.a]\nworkdir = "x"': 'key "workdir" applies to place = "ssh" only',
    '[devices.a]\nplace = "moon"': 'key "place": unknown value "moon"; known: local, ssh',
    "[devices.a]\nnote = 1": 'key "note": a string expected, found a whole number',
    SSH
    + 'host = "-oProxyCommand=evil"': 'key "host": "-oProxyCommand=evil" cannot be given to ssh as a name',
    SSH + 'host = "a b"': 'key "host": "a b" cannot be given to ssh',
    SSH + 'host = "$(evil)"': 'key "host": "$(evil)" cannot be given to ssh',
    SSH + 'host = "a;b"': 'key "host": "a;b" cannot be given to ssh',
    SSH + 'host = "a\\nb"': 'key "host": a non-empty string without control characters',
    SSH + 'user = "-l"\nhost = "a"': 'key "user": "-l" cannot be given to ssh',
    SSH + "port = 0": 'key "port": 0 is too small; at least 1',
    SSH + "port = 65536": 'key "port": 65536 is too large; at most 65535',
    SSH + 'port = "22"': 'key "port": a whole number expected, found a string',
    SSH + 'python = "-c"\nhost = "a"': 'key "python": "-c" is not a command',
    SSH + 'ssh_options = "-A"': 'key "ssh_options": a list of ssh\'s options, one word each, expected',
    SSH + 'ssh_options = ["evil", "-A"]': '"evil" is not an option of ssh: those begin with a hyphen',
    SSH + 'ssh_options = ["-A", "evil"]': '"evil" is not an option of ssh',
    SSH + 'ssh_options = ["-F", "x", "--", "evil"]': '"--" is not an option of ssh',
    SSH + 'ssh_options = ["-4", "-vo"]': '"-vo" needs a value',
    SSH + 'ssh_options = ["-N"]': '"-N" cannot be set here; only options about how to connect can',
    SSH + 'ssh_options = ["-vS/run/s"]': '"-vS/run/s" cannot be set here',
    SSH + 'workdir = ""': 'key "workdir": a non-empty string without control characters',
    '[devices."pi 4"]\nthreads = 1': "[devices.pi 4] a name is made of at most 100 letters",
    "[devices.a]\n[devices.a]": "not valid TOML: Cannot declare",
    "[devices.a]\nthreads = 1\nthreads = 2": "not valid TOML: Cannot overwrite a value (at ",
    "[devices]\ncpu = 1": "[devices.cpu] a table expected, found a whole number",
    "devices = 1": "[devices] tables such as [devices.NAME] expected, found a whole number",
    "[[devices]]\nname = 1": "[devices] tables such as [devices.NAME] expected, found a list",
    "": "no device; add a table such as [devices.cpu]",
    '[variants.int8]\noptimizations = ["DEFAULT"]': "[variants.int8] is the name of a standard variant",
    '[variants.a]\noptimisations = ["DEFAULT"]': 'unknown key; did you mean "optimizations"?',
    '[variants.a]\noptimizations = ["DEFAUL"]': 'unknown value "DEFAUL"; did you mean "DEFAULT"?',
    '[variants.a]\nsupported_ops = ["tf.lite.Optimize.DEFAULT"]': 'key "supported_ops": unknown value',
    '[variants.a]\ninference_input_type = "int4"': 'unknown value "int4"',
    "[variants.a]\nrepresentative_dataset = 3": 'key "representative_dataset": a string expected',
    '[variants.a]\nhost = "pi4"': 'key "host": unknown key',
}


@pytest.mark.parametrize("text", WRONG)
def test_one_line_with_file_table_and_key(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/devices.toml: ")
    assert WRONG[text] in message
    assert "\n" not in message


def test_unreadable_files(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file"):
        load_config(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match=r"latin\.toml: not valid TOML: .*utf-8"):
        load_config(tmp_path / "latin.toml")


def test_paths_of_delegates_are_relative_to_the_file(tmp_path):
    config = load(
        tmp_path,
        """
        [devices.a]
        delegates = [
            { name = "external", library = "lib/d.so", options = { level = 2 } },
            { name = "edgetpu", library = "libedgetpu.so.1", compiler = "tools/edgetpu_compiler" },
            { name = "gpu", library = "~/libgpu.so" },
        ]
        """,
    )
    external, edgetpu, gpu = (delegate.options for delegate in config.devices["a"].delegates)
    assert external == {"library": str(tmp_path / "lib/d.so"), "options": {"level": 2}}
    assert edgetpu["library"] == "libedgetpu.so.1"
    assert edgetpu["compiler"] == str(tmp_path / "tools/edgetpu_compiler")
    assert gpu["library"] == "~/libgpu.so"
