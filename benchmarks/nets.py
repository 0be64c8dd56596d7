"""Three nets of about 5 µs, 0.3 ms and 6 ms an inference, for benchmarks that need no file of anybody's."""

from __future__ import annotations


def autoencoder():
    """Dense, 640 inputs: 5 µs in int8 (as MLPerf Tiny's anomaly detection)."""
    import keras

    layers = [keras.layers.Dense(units, activation="relu") for units in (128, 128, 8, 128, 128)]
    return keras.Sequential([keras.Input((640,)), *layers, keras.layers.Dense(640)])


def resnet():
    """ResNet-8 on 32x32x3: 0.3 ms in float32 (as MLPerf Tiny's image classification)."""
    import keras
    from keras import layers

    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(filters, 3, stride, padding="same", activation="relu")(x)
        y = layers.Conv2D(filters, 3, padding="same")(y)
        if stride > 1:
            x = layers.Conv2D(filters, 1, stride, padding="same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
