"""Convolutions and the norms that alone read them, from the graph that torch.fx traces."""

from __future__ import annotations

from collections import Counter

from torch import fx, nn

from ._torch_norms import is_batch_norm

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class _Tracer(fx.Tracer):
    """Calls of batch norms stay calls, also of classes outside torch.nn."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_batch_norm(m) or super().is_leaf_module(m, module_qualified_name)


def convolution_norm_pairs(module: nn.Module) -> dict[str, str]:
    """Names of convolutions and of the norms that follow them directly; none where torch.fx cannot trace the module.

    A layer that is called twice, or shares its weights, is in no pair: standardizing it would change its other uses.
    """
    try:
        graph = _Tracer().trace(module)
    except Exception:  # Whatever the code of a network raises on a proxy.
        return {}
    calls = {node: module.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module"}
    uses = Counter(id(called) for called in calls.values())
    tensors = Counter(id(tensor) for _, tensor in module.named_parameters(remove_duplicate=False))
    pairs = {}
    for node, norm in calls.items():
        before = node.args[0] if node.args else None
        if not is_batch_norm(norm) or not isinstance(before, fx.Node):
            continue
        convolution = calls.get(before)
        if convolution is None or not _is_plain(convolution) or len(before.users) > 1:
            continue
        if uses[id(norm)] == uses[id(convolution)] == tensors[id(convolution.weight)] == 1:
            pairs[str(before.target)] = str(node.target)
    return pairs


def _is_plain(module: nn.Module) -> bool:
    """Whether it convolves with its own weight as it is: not parametrized, not standardized already."""
    return type(module).forward in [kind.forward for kind in _CONVOLUTIONS] and "weight" in module._parameters
