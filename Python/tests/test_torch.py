"""`to_groupnorm` on networks whose graph is known by their names, beside the command's own engine and PyTorch."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch.nn.functional as F  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from torch import nn  # noqa: E402

import normconv  # noqa: E402
from torch_networks import ResNet8, images, trained  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return trained(ResNet8(), images(64))


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def engine_outputs(file: Path, inputs: torch.Tensor) -> torch.Tensor:
    """What the command computes for a file."""
    split, outputs = file.with_suffix(".npz"), file.with_suffix(".npy")
    np.savez(split, images=inputs.numpy(), labels=np.zeros(len(inputs), np.int64))
    normconv.evaluate(file, split, preprocess="raw", layout="nchw", outputs=outputs)
    return torch.from_numpy(np.load(outputs))


@pytest.mark.parametrize("ws_mode", ["parametrization", "baked"])
@pytest.mark.parametrize(
    "options",
    [{"ws": False}, {"ws": True}, {"to": "ln", "add_bias": True}, {"to": "ln", "ws": False, "init": "noise"}],
)
def test_outputs_are_those_of_the_command(
    network: nn.Module, options: dict[str, Any], ws_mode: str, tmp_path: Path
) -> None:
    # The file has none of what the live module tells: its names suffice for this family.
    save_file(network.state_dict(), tmp_path / "bn.safetensors")
    groups = {} if "to" in options else {"groups": "size:4"}
    command = {**options, "ws": "off" if options.get("ws") is False else "on"}
    normconv.convert(tmp_path / "bn.safetensors", tmp_path / "gn.safetensors", min_agreement=0, **groups, **command)
    gn = normconv.to_groupnorm(network, ws_mode=ws_mode, min_agreement=0, **groups, **options)
    inputs = images(16, seed=5)
    with torch.no_grad():
        assert distance(gn(inputs), engine_outputs(tmp_path / "gn.safetensors", inputs)) < 1e-4


def test_the_outputs_stay_near_those_of_the_batch_norms(network: nn.Module) -> None:
    inputs = images(64, seed=6)
    with torch.no_grad():
        old = network(inputs)
        copied = normconv.to_groupnorm(network, to="ln", ws=False, init="copy")(inputs)
        new = normconv.to_groupnorm(network, to="ln", ws=False)(inputs)
    assert (new - old).square().mean() < 0.2 * (copied - old).square().mean()


def test_the_input_stays_as_it_is(network: nn.Module) -> None:
    before, modules = copy.deepcopy(network.state_dict()), [type(each) for each in network.modules()]
    gn = normconv.to_groupnorm(network, groups="size:4", min_agreement=0)
    with torch.no_grad():
        for parameter in gn.parameters():
            parameter.zero_()
    assert [type(each) for each in network.modules()] == modules
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_training_keeps_parametrized_weights_standardized(network: nn.Module) -> None:
    gn = normconv.to_groupnorm(network, groups="size:4", min_agreement=0)
    optimizer = torch.optim.SGD(gn.parameters(), lr=0.1)
    before = gn.layer2[0].conv1.weight.detach().clone()
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(gn(images(8)), torch.arange(8)).backward()
        optimizer.step()
    weight = gn.layer2[0].conv1.weight.detach()
    assert not torch.allclose(weight, before, atol=1e-4)
    variance, mean = torch.var_mean(weight, (1, 2, 3), unbiased=False)
    assert mean.abs().max() < 1e-5 and (variance - 1).abs().max() < 1e-4


@pytest.mark.parametrize(("kind", "epsilon"), [("bit", 1e-10), ("timm", 1e-6), ("paper", 1e-5)])
def test_the_parametrization_has_the_epsilon_of_its_kind(kind: str, epsilon: float) -> None:
    from normconv._torch import WeightStandardization

    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64) * 1e-3
    rows = weight.numpy().reshape(4, -1)
    if kind == "paper":
        expected = (rows - rows.mean(1, keepdims=True)) / (rows.std(1, ddof=1, keepdims=True) + epsilon)
    else:
        expected = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + epsilon)
    assert np.allclose(WeightStandardization(kind)(weight).numpy().reshape(4, -1), expected)


@pytest.mark.parametrize("ws_mode", ["parametrization", "baked"])
@pytest.mark.parametrize("kind", ["bit", "timm", "paper"])
def test_filters_of_little_variance_stay_as_the_command_standardizes_them(
    kind: str, ws_mode: str, network: nn.Module, tmp_path: Path
) -> None:
    # Next to epsilon: standardizing once more would scale these filters up, and the dead ones' rounding to noise.
    network = copy.deepcopy(network)
    with torch.no_grad():
        for layer, scales in [(network.conv1, [1e-2, 1e-3, 1e-5, 1e-7, 0]), (network.layer2[0].conv1, [1e-6])]:
            for index, scale in enumerate(scales):
                layer.weight[index] *= scale
    save_file(network.state_dict(), tmp_path / "bn.safetensors")
    options: dict[str, Any] = {"groups": "size:4", "min_agreement": 0, "ws_eps": kind}
    normconv.convert(tmp_path / "bn.safetensors", tmp_path / "gn.safetensors", ws="on", **options)
    gn = normconv.to_groupnorm(network, ws_mode=ws_mode, **options)
    expected = load_file(tmp_path / "gn.safetensors")
    for name in ("conv1", "layer2.0.conv1", "layer3.0.conv2"):
        weight = gn.get_submodule(name).weight.detach()
        assert torch.allclose(weight, expected[f"{name}.weight"], rtol=1e-5, atol=1e-6)
    inputs = images(16, seed=5)
    with torch.no_grad():
        assert distance(gn(inputs), engine_outputs(tmp_path / "gn.safetensors", inputs)) < 1e-4


@pytest.mark.parametrize("kind", ["bit", "timm", "paper"])
def test_filters_of_little_variance_are_trained_at_the_pace_of_others(kind: str, network: nn.Module) -> None:
    network = copy.deepcopy(network)
    with torch.no_grad():
        network.conv1.weight[0] *= 1e-5
        network.conv1.weight[1] = 0
    gn = normconv.to_groupnorm(network, groups="size:4", min_agreement=0, ws_eps=kind)
    F.cross_entropy(gn(images(8)), torch.arange(8)).backward()
    slopes = gn.conv1.parametrizations.weight.original.grad.flatten(1).norm(dim=1)
    assert slopes.isfinite().all() and slopes[:2].max() < 10 * slopes[2:].max()


@pytest.mark.parametrize("kind", ["bit", "timm", "paper"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_filters_of_zeros_stay_zeros_in_every_precision(kind: str, dtype: torch.dtype) -> None:
    from normconv._torch import WeightStandardization

    kernel = torch.randn(3, 2, 3, 3).to(dtype)
    kernel[1] = 0
    standardized = WeightStandardization(kind)(kernel)
    assert standardized.dtype == dtype and not standardized[1].any()
    expected = WeightStandardization(kind)(kernel.double())
    # Half a unit in the last place of bfloat16, for values below 4.
    assert torch.allclose(standardized.double(), expected, rtol=0, atol=2**-7)


def test_modes_types_hooks_and_gradients_are_kept(network: nn.Module) -> None:
    network = copy.deepcopy(network).double().train()
    network.layer1.eval()
    network.bn1.weight.requires_grad_(False)
    network.conv1.weight.requires_grad_(False)
    calls: list[str] = []
    network.bn1.register_forward_hook(lambda *_: calls.append("bn1"))
    network.bn1.register_forward_pre_hook(lambda *_: calls.append("before"))
    network.layer1[0].conv1.register_forward_hook(lambda *_: calls.append("conv1"))
    gn = normconv.to_groupnorm(network, groups="size:4", min_agreement=0)
    assert {parameter.dtype for parameter in gn.parameters()} == {torch.float64}
    modes = {name: each.training for name, each in gn.named_modules() if "parametrizations" not in name}
    assert modes == {name: each.training for name, each in network.named_modules()}
    assert not gn.bn1.weight.requires_grad and gn.bn1.bias.requires_grad
    assert not gn.conv1.parametrizations.weight.original.requires_grad
    gn(images(2).double())
    assert calls == ["before", "bn1", "conv1"]


def test_calibration_brings_the_outputs_nearer(network: nn.Module) -> None:
    options: dict[str, Any] = {"groups": "size:4", "min_agreement": 0}
    plain = normconv.to_groupnorm(network, **options)
    fitted = normconv.to_groupnorm(network, groups="size:4", calibrate=images(96, seed=7), epochs=1)
    inputs = images(64, seed=8)
    with torch.no_grad():
        old = network(inputs)
        errors = [(gn(inputs) - old).square().mean().item() for gn in (plain, fitted)]
    assert errors[1] < 0.75 * errors[0]


def test_a_network_that_computes_something_else_is_not_calibrated() -> None:
    network = trained(ResNet8(activation=F.silu), images(64))
    with pytest.raises(normconv.Error, match="computes other outputs") as caught:
        normconv.to_groupnorm(network, calibrate=images(32))
    assert caught.value.object == "outputs" and float(caught.value.found or 0) > 1e-3


def test_recorded_settings_are_taken_over() -> None:
    # Names alone tell a stride of 1, and the command would fit another network.
    network = ResNet8()
    network.conv1 = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
    network = trained(network, images(64))
    gn = normconv.to_groupnorm(network, groups="size:4", calibrate=images(32, seed=3), epochs=0)
    with torch.no_grad():
        assert distance(gn(images(8)), network(images(8))) < 0.5


def test_a_refusal_does_not_name_temporary_files(network: nn.Module) -> None:
    with pytest.raises(normconv.Error, match=r"^ResNet8: layer 'bn1'") as caught:
        normconv.to_groupnorm(network, groups=7)
    assert caught.value.file is None and caught.value.object == "bn1"


def test_a_missing_package_is_named(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_torch", "_torch_file"):
        monkeypatch.delitem(sys.modules, f"normconv.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(normconv.Error, match=r"pip install 'normconv\[torch\]'") as caught:
        normconv.to_groupnorm(network)
    assert caught.value.object == "safetensors.torch"


def test_an_unknown_mode_is_wrong_usage(network: nn.Module) -> None:
    with pytest.raises(normconv.Error, match="'parametrization' or 'baked'") as caught:
        normconv.to_groupnorm(network, ws_mode="on")
    assert caught.value.exit_code == 64


def test_other_objects_are_refused() -> None:
    with pytest.raises(normconv.Error, match="class dict"):
        normconv.to_groupnorm({})
