"""`to_groupnorm` on every kind of norm, in networks of no family."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils import parametrize  # noqa: E402

import normconv  # noqa: E402
from torch_networks import Loose, images, trained  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def by_hand(norm: Any, groups: int, epsilon: float = 1e-5) -> tuple[torch.Tensor, torch.Tensor]:
    """Gamma and beta from the stored statistics: Documentation/Mathematics.md."""
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    gamma = norm.weight.double() if norm.weight is not None else torch.ones_like(mean)
    beta = norm.bias.double() if norm.bias is not None else torch.zeros_like(mean)
    rows = mean.view(groups, -1)
    m = rows.mean(1, keepdim=True).expand_as(rows).reshape(-1)
    v = (variance.view(groups, -1) + (rows - rows.mean(1, keepdim=True)) ** 2).mean(1, keepdim=True)
    v = v.expand_as(rows).reshape(-1)
    scale = gamma / (variance + norm.eps).sqrt()
    return scale * (v + epsilon).sqrt(), beta + scale * (m - mean)


def assert_by_hand(new: nn.GroupNorm, old: Any) -> None:
    gamma, beta = by_hand(old, new.num_groups)
    assert torch.allclose(new.weight.double(), gamma, rtol=1e-5, atol=1e-6)
    assert torch.allclose(new.bias.double(), beta, rtol=1e-5, atol=1e-6)


def test_each_norm_keeps_its_own_epsilon() -> None:
    network = trained(Loose(), images(32))
    network.after_first.eps, network.after_relu.eps = 0.5, 1e-3
    # Biases would take over the means.
    gn = normconv.to_groupnorm(network, groups="size:4", ws=False)
    assert_by_hand(gn.after_relu, network.after_relu)
    assert gn.after_first.eps == gn.after_relu.eps == 1e-5
    scale = network.after_first.weight / (network.after_first.running_var + 0.5).sqrt()
    ratio = (gn.after_first.weight / scale).view(4, 4)
    assert torch.allclose(ratio, ratio[:, :1].expand(4, 4), rtol=1e-5)


def test_only_a_convolution_directly_before_its_norm_is_standardized() -> None:
    network = trained(Loose(), images(32))
    gn = normconv.to_groupnorm(network, groups="size:4")
    assert parametrize.is_parametrized(gn.first) and not parametrize.is_parametrized(gn.second)
    assert torch.equal(gn.second.weight, network.second.weight)
    assert_by_hand(gn.after_relu, network.after_relu)


def test_a_module_that_cannot_be_traced_keeps_its_weights() -> None:
    class Branches(Loose):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x if x.sum() > 0 else -x)

    network = trained(Branches(), images(32))
    gn = normconv.to_groupnorm(network, groups="size:4")
    assert torch.equal(gn.first.weight, network.first.weight)
    assert_by_hand(gn.after_first, network.after_first)


def test_calibration_of_an_unknown_graph_is_refused() -> None:
    with pytest.raises(normconv.Error, match=r"^Loose: .*graph"):
        normconv.to_groupnorm(trained(Loose(), images(32)), calibrate=images(32))


def test_synchronized_norms_are_converted() -> None:
    network = trained(Loose(), images(32))
    synchronized = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(network))
    assert isinstance(synchronized.after_relu, nn.SyncBatchNorm)
    expected = normconv.to_groupnorm(network, groups="size:4")
    found = normconv.to_groupnorm(synchronized, groups="size:4")
    assert type(found.after_relu) is nn.GroupNorm
    with torch.no_grad():
        assert torch.equal(found(images(4)), expected(images(4)))


@pytest.mark.parametrize("library", ["torch_networks", "torchvision.ops"])
def test_frozen_norms_are_converted_and_stay_frozen(library: str) -> None:
    frozen = pytest.importorskip(library).FrozenBatchNorm2d
    network = Loose(lambda channels: frozen(channels, eps=1e-3))
    source = trained(Loose(), images(32))
    network.load_state_dict({k: v for k, v in source.state_dict().items() if "tracked" not in k})
    gn = normconv.to_groupnorm(network.eval(), groups="size:4")
    assert type(gn.after_relu) is nn.GroupNorm and not gn.after_relu.weight.requires_grad
    assert parametrize.is_parametrized(gn.first)
    source.after_relu.eps = 1e-3
    assert_by_hand(gn.after_relu, source.after_relu)


def test_norms_without_affine_get_parameters() -> None:
    network = trained(Loose(lambda channels: nn.BatchNorm2d(channels, affine=False)), images(32))
    gn = normconv.to_groupnorm(network, groups="size:4", ws=False)
    assert_by_hand(gn.after_relu, network.after_relu)
    assert gn.after_relu.weight.requires_grad


def test_a_norm_that_is_called_twice_is_converted_once_and_its_convolutions_stay() -> None:
    class Twice(Loose):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.relu(self.after_first(self.first(x)))
            x = self.after_first(self.second(x))
            return super().forward(images(len(x))) * 0 + self.classes(self.after_relu(x).mean((2, 3)))

    network = trained(Twice(), images(32))
    gn = normconv.to_groupnorm(network, groups="size:4")
    assert torch.equal(gn.first.weight, network.first.weight)
    assert torch.equal(gn.second.weight, network.second.weight)
    assert_by_hand(gn.after_first, network.after_first)


def test_a_norm_under_two_names_stays_one() -> None:
    network = Loose()
    network.after_relu = network.after_first
    network = trained(network, images(32))
    gn = normconv.to_groupnorm(network, groups="size:4")
    assert torch.equal(gn.first.weight, network.first.weight)
    assert gn.after_relu is gn.after_first
    assert_by_hand(gn.after_first, network.after_first)


def test_tied_kernels_stay_tied() -> None:
    class Tied(Loose):
        def __init__(self) -> None:
            super().__init__()
            self.third = nn.Conv2d(3, 16, 3, padding=1)
            self.third.weight = self.first.weight
            self.after_third = nn.BatchNorm2d(16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + self.classes(self.after_third(self.third(x)).mean((2, 3)))

    network = trained(Tied(), images(32))
    gn = normconv.to_groupnorm(network, groups="size:4")
    assert gn.third.weight is gn.first.weight and torch.equal(gn.first.weight, network.first.weight)


class Steps(nn.Module):
    """Norms of one dimension: of a map, and of features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 16, 3)
        self.norm = nn.BatchNorm1d(16)
        self.dense = nn.Linear(16, 32)
        self.features = nn.BatchNorm1d(32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.conv(x))).mean(2)
        features: torch.Tensor = self.features(self.dense(x))
        return features


class Volumes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 16, 3)
        self.norm = nn.BatchNorm3d(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.norm(self.conv(x))
        return output


@pytest.mark.parametrize(("make", "shape"), [(Steps, (4, 12)), (Volumes, (2, 5, 5, 5))])
def test_other_dimensions_are_converted(make: Any, shape: tuple[int, ...]) -> None:
    network = trained(make(), images(64, *shape))
    gn = normconv.to_groupnorm(network, groups=1)
    assert parametrize.is_parametrized(gn.conv) and type(gn.norm) is nn.GroupNorm
    inputs = images(64, *shape, seed=2)
    with torch.no_grad():
        found, expected = gn(inputs), network(inputs)
    # Statistics of single samples: near, not equal.
    assert torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1] > 0.6
    if make is Steps:
        assert_by_hand(gn.features, network.features)


@pytest.mark.parametrize("library", ["torch_networks", "timm.layers"])
def test_the_activation_in_timms_norms_is_kept(library: str) -> None:
    activated = pytest.importorskip(library).BatchNormAct2d
    network = trained(Loose(lambda channels: activated(channels, act_layer=nn.SiLU)), images(32))
    gn = normconv.to_groupnorm(network, groups="size:4")
    assert isinstance(gn.after_relu.act, nn.SiLU) and parametrize.is_parametrized(gn.first)
    inputs = torch.randn(2, 16, 4, 4)
    plain = F.group_norm(inputs, gn.after_relu.num_groups, gn.after_relu.weight, gn.after_relu.bias, 1e-5)
    assert torch.allclose(gn.after_relu(inputs), F.silu(plain))


def test_other_norms_stay() -> None:
    network = Loose(lambda channels: nn.GroupNorm(4, channels, eps=1e-3))
    network.after_first = nn.BatchNorm2d(16)
    network = trained(network, images(32))
    gn = normconv.to_groupnorm(network, groups="size:4")
    assert (gn.after_relu.num_groups, gn.after_relu.eps) == (4, 1e-3)
    assert torch.equal(gn.after_relu.weight, network.after_relu.weight)


class Ours(nn.BatchNorm2d):
    """A batch norm with something of its own."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) + 1


@pytest.mark.parametrize(
    ("norm", "name", "message"),
    [
        (lambda c: nn.BatchNorm2d(c, track_running_stats=False), "after_first", "no running statistics"),
        (lambda c: nn.LazyBatchNorm2d(), "after_first", "not initialized"),
        (Ours, "after_first", "class Ours computes more"),
        (lambda c: nn.Identity(), None, "no batch normalization"),
    ],
)
def test_norms_that_cannot_be_converted_are_named(norm: Any, name: str | None, message: str) -> None:
    with pytest.raises(normconv.Error, match=message) as caught:
        normconv.to_groupnorm(Loose(norm))
    assert caught.value.object == name
    assert name is None or f"'{name}'" in str(caught.value)
