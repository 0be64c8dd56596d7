"""Calibration data: what is taken, what it becomes, and the one line about what does not fit."""

from __future__ import annotations

import importlib.util
import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.config.sources import anchored
from harness.errors import ModelError
from harness.quantize.calibration import InputSpec, generate, load_calibration, load_split, subsampled
from harness.quantize.calibration.callables import evaluate_callable
from harness.quantize.calibration.headers import arrays_in
from harness.record import Quantization

ROOT = Path(__file__).resolve().parents[2]
X = InputSpec("serving_default_x:0", "float32", (1, 2, 3))
IDS = InputSpec("ids", "int32", (1, 4))
IMAGE = InputSpec("image", "float32", (1, 4, 6, 3))


def arrays_of(calibration):
    with np.load(calibration.path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def complaint(text, inputs, folder, **options):
    with pytest.raises(ModelError) as caught:
        load_calibration(str(text), inputs, folder / "cache", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def save(tmp_path):
    def write(*positional, **named):
        path = tmp_path / ("data.npz" if named else "data.npy")
        if named:
            np.savez(path, **named)
        else:
            np.save(path, positional[0])
        return path

    return write


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 1, 2, 3), (2, 3), (1, 2, 3)])
def test_shapes_taken(save, tmp_path, shape):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    made = load_calibration(str(save(values)), [X], tmp_path / "cache")
    (array,) = arrays_of(made).values()
    assert made.samples == len(array) == values.size // 6
    assert array.tobytes() == values.tobytes()
    assert (made.generated, made.how, made.path.name) == (False, None, f"{made.sha256}.npz")


@pytest.mark.parametrize("shape", [(5, 3, 2), (5, 2, 3, 1), (6,), (), (4, 2, 2, 3)])
def test_wrong_shape(save, tmp_path, shape):
    message = complaint(save(np.zeros(shape)), [X], tmp_path)
    assert f'input "serving_default_x:0" wants shape (samples, 2, 3), found {shape}' in message


@pytest.mark.parametrize("name", ["x", "serving_default_x:0", "x:0", "anything"])
def test_one_array_by_any_name(save, tmp_path, name):
    made = load_calibration(str(save(**{name: np.ones((2, 2, 3))})), [X], tmp_path)
    assert arrays_of(made)[X.name].dtype == np.float32


def test_several_inputs_by_name(save, tmp_path):
    path = save(ids=np.ones((3, 4), np.int64), x=np.zeros((3, 2, 3), np.uint8))
    made = load_calibration(str(path), [X, IDS], tmp_path)
    assert {name: (a.dtype.name, a.shape) for name, a in arrays_of(made).items()} == {
        X.name: ("float32", (3, 2, 3)),
        "ids": ("int32", (3, 4)),
    }
    assert made.how == "serving_default_x:0 cast from uint8"


def test_names_that_do_not_fit(save, tmp_path):
    x, ids = np.zeros((3, 2, 3)), np.zeros((3, 4), int)
    assert 'no array for input "ids"; found: x, other' in complaint(save(x=x, other=ids), [X, IDS], tmp_path)
    extra = complaint(save(x=x, ids=ids, more=ids), [X, IDS], tmp_path)
    assert "the model has no input for more; its inputs: serving_default_x:0, ids" in extra
    assert "found: one array without a name" in complaint(save(x), [X, IDS], tmp_path)
    uneven = complaint(save(x=x, ids=ids[:2]), [X, IDS], tmp_path)
    assert "different numbers of samples: serving_default_x:0 3, ids 2" in uneven


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_nan_and_infinite(save, tmp_path, value):
    values = np.zeros((5, 2, 3))
    values[2, 1, 1] = values[2, 0, 0] = values[4, 0, 0] = value
    message = complaint(save(values), [X], tmp_path)
    assert "3 values are NaN or infinite, first in sample 2 (counted from 0)" in message


@pytest.mark.parametrize(
    ("values", "spec", "found"),
    [
        (np.array([["a", "b"]]), InputSpec("x", "float32", (1, 2)), "wants float32, found <U1"),
        (np.zeros((1, 2), complex), InputSpec("x", "float32", (1, 2)), "wants float32, found complex128"),
        (np.zeros((1, 4)), IDS, "wants int32, found float64"),
        (np.full((2, 4), 2**31), IDS, "8 values are outside the range of int32, first in sample 0"),
        (np.zeros((1, 2)), InputSpec("x", "string", (1, 2)), "is of type string"),
        (np.zeros((0, 4), int), IDS, "it has no samples"),
    ],
)
def test_wrong_values(save, tmp_path, values, spec, found):
    assert found in complaint(save(values), [spec], tmp_path)


def test_a_quantized_input_takes_real_values(save, tmp_path):
    spec = InputSpec("x", "int8", (1, 2), Quantization((0.5,), (3,), None))
    made = load_calibration(str(save(np.array([[-0.25, 0.75]]))), [spec], tmp_path)
    assert arrays_of(made)["x"].tolist() == [[-0.25, 0.75]]


def test_limits(save, tmp_path):
    path = save(np.arange(300 * 6, dtype=np.float32).reshape(300, 2, 3))
    made = load_calibration(str(path), [X], tmp_path)
    assert (made.samples, made.how) == (256, "the first 256 of 300 samples")
    assert load_calibration(f"{path},samples=7", [X], tmp_path).samples == 7


def test_files_that_cannot_be_used(tmp_path):
    assert "no such file or folder" in complaint(tmp_path / "gone.npy", [X], tmp_path)
    broken = tmp_path / "x.npz"
    broken.write_bytes(b"PK\x03\x04 not really")
    assert "cannot be read" in complaint(broken, [X], tmp_path)
    (tmp_path / "e.npy").touch()
    assert "cannot be read" in complaint(tmp_path / "e.npy", [X], tmp_path)
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    assert "pickled" in complaint(tmp_path / "o.npy", [X], tmp_path)
    np.savez(tmp_path / "o.npz", x=np.array([{}], object))
    assert "pickled" in complaint(tmp_path / "o.npz", [X], tmp_path)
    np.savez(tmp_path / "none.npz")
    assert "holds no array" in complaint(tmp_path / "none.npz", [X], tmp_path)
    np.save(tmp_path / "cut.npy", np.zeros((9, 2, 3)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-8])
    assert "cannot be read" in complaint(tmp_path / "cut.npy", [X], tmp_path)


def test_a_cache_that_cannot_be_written(save, tmp_path):
    (tmp_path / "cache").touch()
    assert "cannot be written" in complaint(save(np.zeros((1, 2, 3))), [X], tmp_path)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (",scale=0..1", '"scale" is for other sources; known: samples'),
        (",sample=3", 'unknown option "sample"; did you mean "samples"?'),
        (",samples=0", "samples=0 is not a whole number above 0"),
    ],
)
def test_wrong_options(save, tmp_path, options, found):
    assert found in complaint(f"{save(np.zeros((1, 2, 3)))}{options}", [X], tmp_path)


def test_stored_by_content(save, tmp_path):
    path = str(save(np.ones((4, 2, 3))))
    first, second = (load_calibration(path, [X], tmp_path / name) for name in "ab")
    assert (first.sha256, first.path.read_bytes()) == (second.sha256, second.path.read_bytes())
    assert [file.name for file in (tmp_path / "a").iterdir()] == [f"{first.sha256}.npz"]
    other = load_calibration(str(save(np.full((4, 2, 3), 2))), [X], tmp_path / "a")
    assert other.sha256 != first.sha256


def test_generated_values_fill_the_inputs_range(tmp_path):
    inputs = [
        InputSpec("real", "float32", (1, 100)),
        InputSpec("told", "float32", (1, 100)),
        InputSpec("q", "uint8", (1, 100), Quantization((0.5,), (128,), None)),
        InputSpec("raw", "uint8", (1, 100)),
        InputSpec("ids", "int32", (1, 100)),
        InputSpec("flag", "bool", (1, 100)),
    ]
    made = generate(inputs, 20, tmp_path, ranges={"told": (0.0, 255.0)})
    arrays = arrays_of(made)
    bounds = {
        name: (array.dtype.name, round(float(array.min())), round(float(array.max())))
        for name, array in arrays.items()
    }
    assert bounds == {
        "real": ("float32", -1, 1),
        "told": ("float32", 0, 255),
        "q": ("float32", -64, 63),  # (0 - 128) * 0.5 and (255 - 128) * 0.5, the last one rounded down
        "raw": ("uint8", 0, 255),
        "ids": ("int32", 0, 1),
        "flag": ("bool", 0, 1),
    }
    assert arrays["real"].shape == (20, 100)
    assert (made.source, made.generated, made.samples) == ("generate", True, 20)
    assert "told in [0, 255)" in (made.how or "")


def test_generate_is_the_same_for_the_same_seed(tmp_path):
    made = [generate([X], 3, tmp_path, seed=seed).sha256 for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_generate_as_text(tmp_path):
    made = load_calibration("generate,range=0..255,samples=5", [X], tmp_path)
    array = arrays_of(made)[X.name]
    assert made.generated
    assert array.shape == (5, 2, 3)
    assert 0 <= array.min() < 128 < array.max() < 255
    assert "outside the range of int32" in complaint("generate,range=0..1e12", [IDS], tmp_path)
    assert "range=1..0 is not LOW..HIGH" in complaint("generate,range=1..0", [X], tmp_path)


def test_thinned_evenly(tmp_path):
    made = generate([X, IDS], 20, tmp_path)
    four = subsampled(made, tmp_path / "samples", 4)
    assert four.samples == 4
    assert arrays_of(four).keys() == {X.name, "ids"}
    assert (arrays_of(four)[X.name] == arrays_of(made)[X.name][[2, 7, 12, 17]]).all()
    assert subsampled(made, tmp_path / "samples", 20) is made


@pytest.mark.parametrize(
    ("total", "options", "calibrated", "held_back"),
    [
        (3, "", 3, 0),
        (4, "", 3, 1),
        (20, "", 15, 5),
        (100, "", 84, 16),
        (256, "", 240, 16),
        (300, "", 256, 16),  # there are enough beyond those that calibration uses
        (300, ",samples=20", 20, 16),
        (22, ",samples=20", 17, 5),
    ],
)
def test_what_is_held_back_is_not_calibrated_on(save, tmp_path, total, options, calibrated, held_back):
    path = save(np.arange(total * 6, dtype=np.float32).reshape(total, 2, 3))
    made, other = load_split(f"{path}{options}", [X], tmp_path / "cache")
    used = set(arrays_of(made)[X.name][:, 0, 0].tolist())
    kept = set(arrays_of(other)[X.name][:, 0, 0].tolist()) if other else set()
    assert (made.samples, len(used), len(kept)) == (calibrated, calibrated, held_back)
    assert not used & kept
    assert (
        f"{held_back} of {min(total, made.samples + held_back)} samples held back" in (made.how or "")
    ) == bool(held_back)


def test_random_data_is_compared_on_other_random_data(tmp_path):
    made, other = load_split("generate,range=0..9,samples=5", [X], tmp_path)
    assert (made.samples, other.samples) == (5, 16)
    assert not np.isin(arrays_of(other)[X.name], arrays_of(made)[X.name]).any()
    assert 4 < arrays_of(other)[X.name].max() < 9


def colour(path, rgb, size=(12, 8), mode="RGB"):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", size, rgb).convert(mode).save(path)


def test_images_in_order_scaled_to_0_1(tmp_path):
    colour(tmp_path / "photos" / "b" / "1.png", (0, 255, 0))
    colour(tmp_path / "photos" / "a" / "2.BMP", (255, 0, 0))
    colour(tmp_path / "photos" / "c.png", (0, 0, 51))
    (tmp_path / "photos" / "labels.txt").touch()
    made = load_calibration(str(tmp_path / "photos"), [IMAGE], tmp_path / "cache")
    array = arrays_of(made)["image"]
    assert array.shape == (3, 4, 6, 3)
    np.testing.assert_allclose(array[:, 1, 1], [[1, 0, 0], [0, 1, 0], [0, 0, 0.2]], atol=1e-6)
    assert made.how == "resized to 6x4 (bilinear, aspect ratio not kept), RGB, scaled to [0, 1]"


def test_images_as_told(tmp_path):
    pixels = np.array([[0, 255], [255, 0]], np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "checks.png")
    spec = InputSpec("image", "float32", (1, 4, 4, 1))
    text = f"{tmp_path}/photos,scale=-1..1,resize=nearest"
    made = load_calibration(text, [spec], tmp_path / "cache")
    expected = np.kron(pixels / 127.5 - 1, np.ones((2, 2)))
    np.testing.assert_allclose(arrays_of(made)["image"][0, :, :, 0], expected, atol=1e-6)
    assert made.how == "resized to 4x4 (nearest, aspect ratio not kept), L, scaled to [-1, 1]"
    raw = InputSpec("image", "uint8", (1, 2, 2))
    made = load_calibration(f"{tmp_path}/photos", [raw], tmp_path / "cache")
    assert arrays_of(made)["image"][0].tolist() == pixels.tolist()


def test_too_many_images_are_thinned_evenly(tmp_path):
    for i in range(6):
        colour(tmp_path / "photos" / f"{i}.png", (i * 51, 0, 0))
    made = load_calibration(f"{tmp_path}/photos,samples=3", [IMAGE], tmp_path / "cache")
    np.testing.assert_allclose(arrays_of(made)["image"][:, 0, 0, 0], [0, 0.4, 0.8], atol=1e-6)
    assert "3 of 6 images, evenly spread" in (made.how or "")


def test_images_that_do_not_fit(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    assert "no images in this folder" in complaint(folder, [IMAGE], tmp_path)
    colour(folder / "good.png", (1, 2, 3))
    assert "the model has 2" in complaint(folder, [IMAGE, IDS], tmp_path)
    assert '"ids" has (1, 4)' in complaint(folder, [IDS], tmp_path)
    assert 'did you mean "nearest"?' in complaint(f"{folder},resize=neares", [IMAGE], tmp_path)
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    assert f"{folder}/bad.jpg: cannot be read" in complaint(folder, [IMAGE], tmp_path)
    (folder / "bad.jpg").unlink()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "deep.png")
    assert "deep.png: more than 8 bits" in complaint(folder, [IMAGE], tmp_path)


# Loads calibration data in a process of its own, and prints what became of it and the most memory it had.
LOAD = """
import json, resource, sys
from pathlib import Path
from harness.quantize.calibration import InputSpec, load_calibration
from harness.errors import ModelError
text, shape, folder = sys.argv[1], tuple(json.loads(sys.argv[2])), Path(sys.argv[3])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    made = load_calibration(text, [InputSpec("x", "float32", shape)], folder)
    outcome = [made.samples, made.how]
except ModelError as error:
    outcome = str(error)
print(json.dumps([outcome, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024]))
"""
GIB = 1 << 30


def load_in_a_process(text, shape, folder):
    """What became of it, and by how many MiB the process grew beyond what its imports took."""
    command = [sys.executable, "-c", "import numpy\n" + LOAD, str(text), json.dumps(shape), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout)


def header_of(shape, dtype="<f4", fortran_order=False):
    file = io.BytesIO()
    described = {"descr": dtype, "fortran_order": fortran_order, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


@pytest.fixture(scope="session")
def bombs(tmp_path_factory):
    """One GiB of zeros in 5 MB of zip, by the shape in its header; and the same as a file with a hole."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, shape in (("flat", (GIB // 4,)), ("rows", (GIB // 4 // 64, 8, 8))):
        with (
            zipfile.ZipFile(folder / f"{name}.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("x.npy", "w", force_zip64=True) as file,
        ):
            file.write(header_of(shape))
            for _ in range(GIB >> 24):
                file.write(bytes(1 << 24))
    with (folder / "rows.npy").open("wb") as file:
        file.write(header_of((GIB // 4 // 64, 8, 8)))
        file.truncate(file.tell() + GIB)
    assert all(path.stat().st_size < 6_000_000 for path in folder.glob("*.npz"))
    return folder


def test_what_does_not_fit_is_refused_by_its_header(bombs, tmp_path):
    """It took as much memory as the array has bytes, and more, before it was refused."""
    outcome, grown = load_in_a_process(bombs / "flat.npz", [1, 8, 8], tmp_path)
    assert "wants shape (samples, 8, 8), found (268435456,)" in outcome
    assert grown < 200


def test_a_header_that_says_it_is_large_is_not_read(tmp_path):
    """Half a GiB of zeros as the header itself: numpy reads all of it, twice, before it looks at its size."""
    with (
        zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        file.write(b"\x93NUMPY\x02\x00" + (GIB // 2).to_bytes(4, "little"))
        for _ in range(GIB >> 25):
            file.write(bytes(1 << 24))
    outcome, grown = load_in_a_process(tmp_path / "x.npz", [1, 8, 8], tmp_path)
    assert "cannot be read: its header is damaged" in outcome
    assert grown < 200


def test_damage_to_a_zip_is_found_where_only_some_samples_are_used(tmp_path):
    """Its checksum is of the whole member; the values would pass for data."""
    path = tmp_path / "x.npz"
    np.savez(path, x=np.ones((300, 2, 3), np.float32))
    data = bytearray(path.read_bytes())
    data[len(data) // 8] ^= 0x40  # of an early sample: 256 are used
    path.write_bytes(data)
    assert "Bad CRC-32" in complaint(path, [X], tmp_path)


def test_an_array_that_is_replaced_after_its_header_was_read(tmp_path):
    """Else its bytes would be read as numbers of another type."""
    np.save(tmp_path / "x.npy", np.ones((4, 2), np.float32))
    (stored,) = arrays_in(tmp_path / "x.npy", "x.npy").values()
    np.save(tmp_path / "x.npy", np.ones((4, 1), np.float64))
    with pytest.raises(ModelError, match=r"x\.npy: cannot be read: it was replaced while it was read"):
        stored.all()


@pytest.mark.parametrize("name", ["rows.npz", "rows.npy"])
def test_only_the_samples_that_are_used_are_read(bombs, tmp_path, name):
    outcome, grown = load_in_a_process(bombs / name, [1, 8, 8], tmp_path)
    assert outcome == [256, "the first 256 of 4194304 samples"]
    assert grown < 200


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (header_of((1 << 50, 2, 3)), "is not all there"),
        (header_of((-1, 2, 3)), "is not all there"),
        (header_of((8, 2, 3), "|O"), "pickled Python objects"),
        (header_of((1 << 26, 2, 3), fortran_order=True), "is not all there"),
        (b"\x93NUMPY\x01\x00\x0a\x00{'descr': ", "cannot be read"),
        (b"\x93NUMPY\x07\x00", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_headers_that_lie(tmp_path, header, found, zipped):
    path = tmp_path / ("x.npz" if zipped else "x.npy")
    if zipped:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", header + bytes(100))
    else:
        path.write_bytes(header + bytes(100) if header else b"")
    assert found in complaint(path, [X], tmp_path)


def test_fortran_order_is_read_whole_within_bounds(tmp_path):
    values = np.asfortranarray(np.arange(5 * 6, dtype=np.float32).reshape(5, 2, 3))
    np.save(tmp_path / "x.npy", values)
    made = load_calibration(f"{tmp_path}/x.npy,samples=2", [X], tmp_path / "cache")
    assert np.array_equal(arrays_of(made)[X.name], values[:2])
    with (tmp_path / "large.npy").open("wb") as file:
        file.write(header_of((1 << 25, 2, 3), fortran_order=True))
        file.truncate(file.tell() + (1 << 25) * 24)
    assert "0.8 GB of it would have to be read; save numpy.ascontiguousarray" in complaint(
        tmp_path / "large.npy", [X], tmp_path
    )


def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path):
    """144 million in 18 kB: Pillow would decode them, with two lines of warning."""
    (tmp_path / "photos").mkdir()
    side = 12_000
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes((side // 8 + 1) * side)),
        b"IEND": b"",
    }
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks.items():
        png += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    (tmp_path / "photos" / "a.png").write_bytes(png)
    outcome, grown = load_in_a_process(tmp_path / "photos", [1, 8, 8, 3], tmp_path)
    assert "a.png: 12000 x 12000 pixels are more than the 89 million" in outcome
    assert grown < 100


def test_an_image_s_name_does_not_choose_a_program(tmp_path):
    """Pillow hands PostScript to Ghostscript, whatever the file is called."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    )
    assert "a.png: cannot be read: cannot identify image file" in complaint(
        tmp_path / "photos", [IMAGE], tmp_path
    )


CALLABLES = '''
import itertools, os, signal, sys, time
import numpy as np

def array(): return np.ones((4, 2, 3))
def named(): return {"x": np.ones((4, 2, 3)), "ids": np.ones((4, 4), int)}
def pair(): return np.ones((4, 2, 3)), np.zeros(4)
def representative_dataset():
    for i in range(3): yield [np.full((1, 2, 3), i, np.float32)]
def two_inputs():
    for i in range(3): yield [np.full((1, 2, 3), i, np.float32), np.full((1, 4), i)]
def samples(): return [np.zeros((2, 3)), np.ones((2, 3))]
def batches():
    print("noise")
    return ((np.full((8, 2, 3), i), np.zeros(8)) for i in itertools.count())
def nested(): return [({"x": np.ones((2, 2, 3)), "ids": np.ones((2, 4), int)}, np.zeros(2))]

class Keras:
    """Like a Keras PyDataset: no iterator, and an index past the end is no IndexError."""
    def __len__(self): return 2
    def __getitem__(self, i): return np.full((3, 2, 3), i), np.zeros(3)

def nothing(): return []
def none(): return None
def wrong_shape(): yield np.zeros((3, 3))
def uneven(): yield {"x": np.ones((2, 2, 3)), "ids": np.ones((3, 4), int)}
def raises(): raise ValueError("no data\\nhere")
def exits(): sys.exit("bye")
def dies():
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
def dies_after_a_notice():
    print("last words\\nI0000 00:00:1795245126.0 cudart_stub.cc:31] no GPU", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
def hangs(): time.sleep(60)
number = 3
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the working directory, beside a folder that is called like ours."""
    (tmp_path / "mine.py").write_text(CALLABLES, encoding="utf-8")
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "inputs", "values"),
    [
        ("array", [X], [1, 1, 1, 1]),
        ("named", [X, IDS], [1, 1, 1, 1]),
        ("pair", [X], [1, 1, 1, 1]),
        ("representative_dataset", [X], [0, 1, 2]),
        ("two_inputs", [X, IDS], [0, 1, 2]),
        ("samples", [X], [0, 1]),
        ("batches", [X], [0] * 8 + [1] * 2),
        ("nested", [X, IDS], [1, 1]),
        ("Keras", [X], [0, 0, 0, 1, 1, 1]),
    ],
)
def test_callables(module, name, inputs, values):
    made = load_calibration(f"mine:{name},samples=10", inputs, module / "cache")
    arrays = arrays_of(made)
    assert arrays[X.name][:, 0, 0].tolist() == values
    assert [array.shape[1:] for array in arrays.values()] == [spec.shape[1:] for spec in inputs]


@pytest.mark.parametrize(
    ("name", "inputs", "found"),
    [
        ("mine:nothing", [X], "mine:nothing: it has no samples"),
        ("mine:none", [X], "mine:none: expected an array, a dict of arrays or an iterable, found NoneType"),
        ("mine:wrong_shape", [X], "wants shape (samples, 2, 3), found (3, 3)"),
        ("mine:uneven", [X, IDS], "different numbers of samples: [2, 3]"),
        ("mine:array", [X, IDS], "a sample is one array, the model has 2 inputs"),
        ("mine:raises", [X], "mine:raises: raised ValueError: no data"),
        ("mine:exits", [X], "raised SystemExit: bye"),
        ("mine:dies", [X], "its process was killed by SIGSEGV: last words"),
        ("mine:dies_after_a_notice", [X], "its process was killed by SIGSEGV: last words"),
        ("mine:number", [X], "it is not callable but of type int"),
        ("mine:arry", [X], 'no "arry" in mine; did you mean array?'),
        ("gone.mine:array", [X], "no module gone, neither installed nor in"),
    ],
)
def test_callables_that_give_no_data(module, name, inputs, found):
    assert found in complaint(name, inputs, module)


def test_a_callable_that_hangs(module):
    with pytest.raises(ModelError, match=r"mine:hangs: no data after 0\.5 s; it was stopped"):
        evaluate_callable("mine:hangs", [X], 10, timeout_s=0.5)


@pytest.mark.slow
def test_a_tf_data_dataset(module):
    # Looked for, not imported: TensorFlow and a runtime clash in one process.
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs TensorFlow: install qbench-tflite[convert]")
    (module / "dataset.py").write_text(
        "import tensorflow as tf\n"
        "def get():\n"
        "    x = tf.reshape(tf.range(60, dtype=tf.float32), (10, 2, 3))\n"
        "    return tf.data.Dataset.from_tensor_slices((x, tf.range(10))).batch(4)\n",
        encoding="utf-8",
    )
    made = load_calibration("dataset:get", [X], module / "cache")
    assert arrays_of(made)[X.name].ravel().tolist() == list(range(60))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data/x.npz", "/etc/q/data/x.npz"),
        ("photos,scale=-1..1", "/etc/q/photos,scale=-1..1"),
        ("/data/x.npz", "/data/x.npz"),
        ("~/x.npz", "~/x.npz"),
        ("generate", "generate"),
        ("generate,samples=3", "generate,samples=3"),
        ("my.data:samples", "my.data:samples"),
    ],
)
def test_anchored(text, expected):
    assert anchored(text, Path("/etc/q")) == expected


def test_random_samples_that_do_not_fit_into_memory_are_one_line(tmp_path):
    inputs = [InputSpec("x", "float32", (1, 10**6, 10**6, 3))]
    with pytest.raises(ModelError, match=r"32 samples of 1000000x1000000x3 do not fit into memory"):
        generate(inputs, 32, tmp_path)
