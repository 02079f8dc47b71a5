"""`to_groupnorm` on live Keras models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import normconv  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def model() -> Any:
    return keras.models.load_model(Path(__file__).parents[2] / "Fixtures" / "mnist-resnet.keras3.h5", compile=False)


@pytest.fixture(scope="module")
def split() -> tuple[np.ndarray, np.ndarray]:
    with np.load(Path(__file__).parents[2] / "Fixtures" / "mnist-test-100.npz") as arrays:
        images = next(arrays[name] for name in arrays if arrays[name].ndim >= 3)
        labels = next(arrays[name] for name in arrays if arrays[name].ndim == 1)
    return images.reshape(-1, 28, 28, 1).astype(np.float32), labels


def norms(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers if "Normalization" in type(layer).__name__]


def test_outputs_are_those_of_the_converted_file(model: Any, split: Any, fixtures: Path, tmp_path: Path) -> None:
    normconv.convert(fixtures / "mnist-resnet.keras3.h5", tmp_path / "gn.h5", groups="size:8", ws="on", min_agreement=0)
    expected = keras.models.load_model(tmp_path / "gn.h5", compile=False).predict(split[0], verbose=0)
    for mode in ("baked", "parametrization"):
        gn = normconv.to_groupnorm(model, groups="size:8", min_agreement=0, ws_mode=mode)
        assert np.allclose(gn.predict(split[0], verbose=0), expected, atol=1e-4)
        standardizes = "StandardizedConv2D" in {type(layer).__name__ for layer in gn.layers}
        assert standardizes == (mode == "parametrization")


def test_the_input_stays_as_it_is(model: Any) -> None:
    before = [np.array(weight) for weight in model.get_weights()]
    gn = normconv.to_groupnorm(model, groups="size:8", ws=False)
    assert set(norms(gn)) == {"GroupNormalization"} and set(norms(model)) == {"BatchNormalization"}
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    assert getattr(gn, "optimizer", None) is None


def test_calibration_takes_arrays(model: Any, split: Any) -> None:
    images, labels = split
    gn = normconv.to_groupnorm(model, groups="size:8", calibrate=images, epochs=0)
    # Statistics alone keep a quarter of them: README.
    assert (gn.predict(images, verbose=0).argmax(1) == labels).mean() > 0.8


def test_trainable_flags_are_kept(model: Any) -> None:
    frozen = keras.models.clone_model(model)
    frozen.set_weights(model.get_weights())
    for layer in frozen.layers[:6]:
        layer.trainable = False
    gn = normconv.to_groupnorm(frozen, groups="size:8", ws=False)
    # Keras does not record that of layers without weights.
    flags = [[layer.trainable for layer in each.layers if layer.weights] for each in (gn, frozen)]
    assert flags[0] == flags[1] and set(flags[0]) == {False, True}


@keras.saving.register_keras_serializable("tests")
class Whole(keras.Model):  # type: ignore[misc]
    """A model whose configuration does not record its layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = keras.layers.BatchNormalization()

    def call(self, inputs: Any) -> Any:
        return self.norm(inputs)


def test_a_model_of_a_class_of_its_own_is_refused() -> None:
    model = Whole()
    model(np.zeros((1, 4, 4, 8), np.float32))
    with pytest.raises(normconv.Error, match="Whole"):
        normconv.to_groupnorm(model)


class Doubled(keras.layers.Layer):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        return inputs * 2


def test_custom_objects_are_passed_on() -> None:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(16, 3)(inputs))
    model = keras.Model(inputs, Doubled()(x))
    gn = normconv.to_groupnorm(model, groups=2, ws=False, custom_objects={"Doubled": Doubled})
    assert norms(gn) == ["GroupNormalization"] and type(gn.layers[-1]) is Doubled
