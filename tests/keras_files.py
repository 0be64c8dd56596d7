"""Model files that would run code, made by `python tests/keras_files.py FOLDER keras|tf_keras`.

Whatever code runs touches FOLDER/ran (or writes it).
"""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any


def main(folder: Path, name: str) -> None:
    keras = importlib.import_module(name)
    layers, ran = keras.layers, folder / "ran"
    lambda_layer = _lambda(keras, ran)
    inner = keras.Sequential([layers.Input((4,)), lambda_layer()])
    made = {
        "sequential.h5": [layers.Input((4,)), layers.Dense(3), lambda_layer()],
        "nested.h5": [layers.Input((4,)), inner, layers.Dense(2)],
        "wrapped.h5": [layers.Input((5, 4)), layers.TimeDistributed(lambda_layer())],
        "lambda.keras": [layers.Input((4,)), lambda_layer()],
    }
    if name == "tf_keras":  # Keras 3 fails on `groups` before it comes to the Lambda
        made["groups.h5"] = [layers.Input((8, 8, 3)), layers.DepthwiseConv2D(3), lambda_layer()]
        made["harmless.h5"] = [layers.Input((8, 8, 3)), layers.DepthwiseConv2D(3), layers.Activation("gelu")]
        made["harmless.keras"] = made["harmless.h5"]
    for file, stack in made.items():
        keras.Sequential(stack).save(folder / f"{name}-{file}")
    inputs = keras.Input((4,))
    keras.Model(inputs, lambda_layer()(inputs)).save(folder / f"{name}-functional.h5")
    if name == "tf_keras":
        inner.save(folder / "metadata", save_format="tf")  # the Lambda is in Keras' metadata, and traced
        _craft(keras, folder, ran)
    ran.unlink(missing_ok=True)  # building them ran it, too


def _lambda(keras: Any, ran: Path) -> Any:
    # The text is compiled here so that its globals are its own, as those of a file's code are.
    code = eval(f"lambda x: (__import__('pathlib').Path({str(ran)!r}).touch(), x * 2.0)[1]")  # noqa: S307
    return lambda: keras.layers.Lambda(code)


def _craft(keras: Any, folder: Path, ran: Path) -> None:
    """Files that no Keras writes, but loads."""
    import h5py
    import tensorflow as tf

    inputs = keras.Input((4,))
    keras.Model(inputs, tf.math.sin(inputs) + tf.reshape(inputs, (-1, 4))).save(folder / "ops.h5")
    keras.Model(inputs, tf.math.sin(inputs)).save(folder / "op-writes.h5")
    words = folder / "words.txt"  # as /etc/passwd would be: its lines end up in the model
    words.write_text("a\nb\n")
    lookup = keras.layers.StringLookup(vocabulary=str(words), output_mode="one_hot")
    keras.Sequential([keras.Input((1,), dtype="string"), lookup]).save(folder / "reads.h5")
    with h5py.File(folder / "reads.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["vocabulary"] = str(words)
        file.attrs["model_config"] = json.dumps(config)
    with h5py.File(folder / "op-writes.h5", "r+") as file:  # io.write_file(path, "…"), while it is loaded
        config = json.loads(file.attrs["model_config"])
        stack = config["config"]["layers"]
        op = next(layer for layer in stack if layer["class_name"] == "TFOpLambda")
        write = {"name": "w", "class_name": "TFOpLambda", "config": {**op["config"], "name": "w"}}
        write["config"]["function"] = "io.write_file"
        write["inbound_nodes"] = [["_CONSTANT_VALUE", -1, str(ran), {"contents": "code"}]]
        file.attrs["model_config"] = json.dumps(
            {**config, "config": {**config["config"], "layers": [*stack, write]}}
        )
    private = folder / "private"  # as a key would be: it ends up in the weights
    private.write_bytes(bytes(3 * 3 * 3 * 4))
    for name in ("elsewhere.h5", "linked.h5"):
        (folder / name).write_bytes((folder / "tf_keras-harmless.h5").read_bytes())
        with h5py.File(folder / name, "r+") as file:
            weights: list[str] = []
            file.visit(lambda part, weights=weights: weights.append(part) if "kernel" in part else None)
            del file[weights[-1]]
            if name == "linked.h5":
                file[weights[-1]] = h5py.ExternalLink(str(private), "x")
            else:
                outside = [(str(private), 0, 3 * 3 * 3 * 4)]
                file.create_dataset(weights[-1], (3, 3, 3, 1), "f4", external=outside)
    with zipfile.ZipFile(folder / "tf_keras-harmless.keras") as source:
        members = {name: source.read(name) for name in source.namelist()}
    config = json.loads(members["config.json"])
    config |= {"module": "code_of_mine", "class_name": "Mine", "registered_name": None}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(folder / "module.keras", "w") as changed:
        for name, data in members.items():
            changed.writestr(name, data)
    (folder / "code_of_mine.py").write_text(f"from pathlib import Path\nPath({str(ran)!r}).touch()\n")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 4))
        signature = tf.compat.v1.saved_model.predict_signature_def({"x": x}, {"y": x * 2})
        builder = tf.compat.v1.saved_model.Builder(str(folder / "writing"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            main_op=tf.io.write_file(str(ran), "code"),
        )
        builder.save()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
