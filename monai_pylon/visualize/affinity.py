"""Search of PyTorch's graph for operations between a layer and the scores that are not affine.

The graph contains operations that no module shows: a ReLU called as a function, a residual product, a mask. Only
operations known to be affine pass. An unknown operation is treated as not affine.
"""

from __future__ import annotations

import re
from typing import Any

from monai_pylon.visualize.heads import graph_nodes

__all__: list[str] = []

#: Sums, means, and operations that move, copy or convert numbers: affine in all operands together.
_AFFINE = {
    *("Add", "Sub", "Rsub", "Neg", "Sum", "Cumsum", "Mean", "Cat", "Stack", "Clone", "Alias", "ToCopy"),
    *("View", "UnsafeView", "ReshapeAlias", "Expand", "Permute", "Transpose", "T", "Squeeze", "Unsqueeze", "Unbind"),
    *("Select", "Slice", "Index", "IndexSelect", "Split", "SplitWithSizes", "SafeSplit", "Narrow", "AsStrided", "Flip"),
    *("Roll", "Repeat", "Diagonal", "Unfold", "Im2Col", "PixelShuffle", "PixelUnshuffle", "Movedim"),
    *("ConstantPadNd", "ReflectionPad1D", "ReflectionPad2D", "ReflectionPad3D"),
    *("ReplicationPad1D", "ReplicationPad2D", "ReplicationPad3D"),
    *("AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D"),
    *("UpsampleLinear1D", "UpsampleBilinear2D", "UpsampleTrilinear3D", "UpsampleBicubic2D"),
    *("UpsampleNearest1D", "UpsampleNearest2D", "UpsampleNearest3D"),
}
#: Products: affine in each operand if the others are constant.
_PRODUCTS = {"Mul", "Mm", "Bmm", "Mv", "Dot", "Addmm", "Addbmm", "Baddbmm", "Addmv", "Linear", "Convolution"}
#: Batch normalization: affine if it uses its stored statistics.
_NORMALIZATION = {"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"}


def nodes_between(root: Any, entry: Any) -> set[Any]:
    """Return the nodes after entry (the layer's output) up to root (the scores), without entry."""
    users: dict[Any, list[Any]] = {}
    for node in graph_nodes(root):
        for child, _ in node.next_functions:
            users.setdefault(child, []).append(node)
    between: set[Any] = set()
    waiting = list(users.get(entry, []))
    while waiting:
        node = waiting.pop()
        if node not in between:
            between.add(node)
            waiting += users.get(node, [])
    return between


def nonaffine_operations(root: Any, entry: Any) -> list[str]:
    """Name the operations between entry (the layer's output) and root (the scores) that are not affine."""
    between = nodes_between(root, entry)
    return sorted({plain_name(node) for node in between if not _is_affine(node, between | {entry})})


def _is_affine(node: Any, dependent: set[Any]) -> bool:
    """Return whether a node is affine in those of its operands that depend on the layer's output."""
    name = plain_name(node)
    operands = [i for i, (child, _) in enumerate(node.next_functions) if child in dependent]
    if name in _AFFINE:
        return True
    if name == "Div":
        return operands == [0]
    if name in _NORMALIZATION:
        return operands == [0] and not node._saved_training
    return name in _PRODUCTS and len(operands) == 1


def plain_name(node: Any) -> str:
    """Return the name of a node's operation: Relu for ReluBackward0."""
    return re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
