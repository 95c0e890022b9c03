"""Modules that OpenVINO runs on the CPU, with PyTorch wherever OpenVINO does not apply."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Any

import torch
from monai.data import MetaTensor
from monai.utils import optional_import
from torch import nn

from monai_pylon.networks.strides import copy_grid
from monai_pylon.networks.tracing import is_eager
from monai_pylon.utils import check

__all__ = ["check_weights"]

_TELEMETRY = "openvino_telemetry"
#: One conversion or run at a time: a compiled program keeps its buffers between runs.
_LOCK = threading.Lock()


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which reports each import and each conversion to its maker.

    Returns:
        The module ``openvino``.

    Raises:
        ValueError: If OpenVINO is not installed.
    """
    loaded = _TELEMETRY in sys.modules
    if not loaded:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # OpenVINO then takes its own stand-in
    try:
        openvino, found = optional_import("openvino")
    finally:
        if not loaded:
            del sys.modules[_TELEMETRY]
    remedy = 'Install it by: pip install "monai_pylon[openvino]"'
    check(found, "backend", '"torch" where OpenVINO is not installed', "openvino", remedy)
    return openvino


def check_weights(net: nn.Module) -> None:
    """Raise an error if OpenVINO cannot run a network because of its weights.

    Args:
        net: Network for images (N, C, *spatial).

    Raises:
        ValueError: If the weights are not in float32 or not on the CPU.

    Example:
        >>> check_weights(nn.Linear(1, 1))
    """
    kinds = sorted({str(weight.dtype) for weight in net.parameters()})
    remedy = "Call net.float() first, or use the backend torch."
    check(kinds == ["torch.float32"], "net", "in float32 with OpenVINO", ", ".join(kinds), remedy)
    places = sorted({weight.device.type for weight in net.parameters()})
    remedy = "Call net.cpu() first, or use the backend torch; the bundles take --device cpu."
    check(places == ["cpu"], "net", "on the CPU with OpenVINO", ", ".join(places), remedy)


class OpenVINOModule(nn.Module):
    """A module from an image to one map that OpenVINO runs on the CPU.

    The module is converted at the first run, and again for another size of image, another number of threads of PyTorch,
    or changed weights. The number of images may vary. PyTorch runs the module wherever OpenVINO does not apply: with
    gradients, on other devices, in other types than float32, under autocast, for images with NaN or infinite values,
    while it is traced or exported, and, with a warning, for sizes of image that OpenVINO refuses (PYLON: up to 128).

    Args:
        module: Module in eval mode with weights in float32, from images (N, C, *spatial) to a map (N, D, *grid).
        dtype: torch.bfloat16 to let OpenVINO compute in half precision, or None for float32. The map is float32.

    Raises:
        ValueError: If OpenVINO is not installed, the module is in training mode or has weights of another type or on
            another device, or training is asked of it later.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        import_openvino()
        check(dtype in (None, torch.float32, torch.bfloat16), "dtype", "None, float32 or bfloat16 with OpenVINO", dtype)
        check(not module.training, "net", "in eval mode", "in training mode", "Call net.eval() first.")
        check_weights(module)
        self.module, self.in_bfloat16 = module, dtype is torch.bfloat16
        self._program: tuple[Any, Any] | None = None
        self.eval()

    def train(self, mode: bool = True) -> OpenVINOModule:
        """Refuse training; evaluation mode is accepted."""
        remedy = "OpenVINO computes no gradients: train the network from which the copy was made."
        check(not mode, "mode", "False for a network that OpenVINO runs", mode, remedy)
        return super().train(mode)

    def forward(self, x: torch.Tensor) -> Any:
        """Compute the map (N, D, *grid) of images (N, C, *spatial)."""
        if self.in_bfloat16:
            x = x.float()
        found = self._run(x) if self._applies(x) else None
        return self.module(x) if found is None else found

    def _applies(self, x: torch.Tensor) -> bool:
        weights = list(self.module.parameters())
        return bool(
            is_eager()
            and not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *weights)))
            and all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in (x, *weights))
            and not torch.is_autocast_enabled("cpu")
            and bool(torch.isfinite(x).all())
        )

    def _run(self, x: torch.Tensor) -> torch.Tensor | None:
        """Run the program for images (N, C, *spatial); None if OpenVINO cannot run images of this size."""
        images = (x.as_tensor() if isinstance(x, MetaTensor) else x).detach().contiguous().numpy()
        state = (*self.module.parameters(), *self.module.buffers())
        versions = [(tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version) for tensor in state]
        key = (images.shape[1:], torch.get_num_threads(), versions)
        with _LOCK:
            if self._program is None or self._program[0] != key:
                self._program = None  # frees the other program first
                self._program = (key, self._compile(images[:1]))
            program = self._program[1]
            return None if program is None else torch.from_numpy(program(images, share_inputs=True)[0])

    def _compile(self, image: Any) -> Any:
        """Compile the module for images (N, C, *spatial) of one size and any N; None with a warning if that fails."""
        openvino = import_openvino()
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # about torch.jit.trace, which OpenVINO calls
            program = openvino.convert_model(self.module, example_input=torch.from_numpy(image))
        settings = {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": "bf16" if self.in_bfloat16 else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            # A free size of image is no way: OpenVINO 2026.4.1 then returns the maps of the image before, without an
            # error, for images that are too small for one of its layers.
            program.reshape([-1, *image.shape[1:]])
            return openvino.Core().compile_model(program, "CPU", settings)
        except RuntimeError as error:
            size = " x ".join(map(str, image.shape[2:]))
            reason = str(error).strip().splitlines()[-1]
            warnings.warn(f"OpenVINO cannot run images of {size}, so PyTorch runs them: {reason}", stacklevel=2)
            return None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the compiled program out of pickles and deep copies."""
        return {**self.__dict__, "_program": None}


class _Deepest(nn.Module):
    """An encoder that returns its deepest map alone."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the deepest map (N, C, *grid) of images (N, C, *spatial)."""
        return self.encoder(x)[-1]


class OpenVINOEncoder(OpenVINOModule):
    """An encoder that OpenVINO runs on the CPU and that returns only its deepest map, in a list.

    Args:
        encoder: Encoder in eval mode with weights in float32.
        dtype: As of :class:`OpenVINOModule`.
    """

    def __init__(self, encoder: nn.Module, dtype: torch.dtype | None = None) -> None:
        super().__init__(_Deepest(encoder).eval(), dtype)
        copy_grid(encoder, self)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Compute the deepest map (G, C, rows, columns) of images (G, S, H, W), in a list."""
        return [super().forward(x)]
