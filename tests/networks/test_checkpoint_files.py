"""Files of tensors in three formats, and the cause if a file is something else."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from monai_pylon.networks.checkpoint_files import read_tensors

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(0), "count": torch.tensor(7)}


def safetensors_bytes(state: dict[str, torch.Tensor], **extra: Any) -> bytes:
    """Write a state dict in the format of safetensors, by its specification."""
    kinds = {torch.float32: "F32", torch.int64: "I64", torch.bfloat16: "BF16", torch.float16: "F16", torch.bool: "BOOL"}
    header, body = dict(extra), b""
    for name, value in state.items():
        raw = value.contiguous().view(torch.uint8).numpy().tobytes() if value.dim() else value.numpy().tobytes()
        header[name] = {
            "dtype": kinds[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def assert_read(file: Path, state: dict[str, torch.Tensor]) -> None:
    found = read_tensors(file)
    assert set(found) == set(state)
    for name, value in state.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_files_of_pytorch_new_and_old(zipped: bool, tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "a.pth.tar", _use_new_zipfile_serialization=zipped)
    assert_read(tmp_path / "a.pth.tar", STATE)


@pytest.mark.parametrize("name", ["a.safetensors", "a.bin"])
def test_reads_safetensors_under_any_name(name: str, tmp_path: Path) -> None:
    state = {**STATE, "half": torch.rand(3).bfloat16(), "on": torch.tensor([True, False])}
    (tmp_path / name).write_bytes(safetensors_bytes(state, __metadata__={"format": "pt"}))
    assert_read(tmp_path / name, state)


@pytest.mark.skipif(
    not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"),
    reason="before 2.6, PyTorch cannot allow NumPy's numbers for one file",
)
def test_reads_numbers_of_numpy_beside_tensors(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "best_auc": np.float64(0.8), "epoch": np.int64(3)}, tmp_path / "a.pth")
    found = read_tensors(tmp_path / "a.pth")
    assert (found["best_auc"], found["epoch"]) == (0.8, 3)


def pickled(thing: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(thing, stream)
    return stream.getvalue()


def archive(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return stream.getvalue()


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("weights"), io.BytesIO())
    return stream.getvalue()


def numpy_archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, weight=np.zeros(2))
    return stream.getvalue()


def script() -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.save(torch.jit.trace(nn.Linear(1, 1), torch.zeros(1, 1)), stream)
    return stream.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
#: Content of files that are no weights, and the cause and the remedy that the error names.
NO_WEIGHTS = {
    "empty": (b"", "empty.*again"),
    "LFS pointer": (LFS, "a pointer of Git LFS.*git lfs pull"),
    "annex pointer": (b"/annex/objects/SHA256E-s12--4d7a.pth\n", "a pointer of git-annex.*git annex get"),
    "web page": (b"\n <!DOCTYPE html>\n<html><body>Google Drive - Virus scan warning</body>", "a web page.*sign-in"),
    "web page in capitals": (b"\xef\xbb\xbf<HTML><HEAD>", "a web page"),
    "error of a server": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page"),
    "JSON": (b'{"error": "not found"}', "a text in JSON"),
    "text": (b"404: Not Found", "a text file"),
    "half of a zip archive": (pickled(STATE)[:600], "incomplete: the end of the archive is missing.*again"),
    "half of an old file": (b"", ""),  # set below
    "half of a safetensors file": (safetensors_bytes(STATE)[:-9], "a safetensors file that is incomplete"),
    "TorchScript": (script(), r"a TorchScript archive.*torch\.jit\.load"),
    "NumPy archive": (numpy_archive(), "a NumPy archive"),
    "other archive": (archive(readme_dot_md=b"# Weights"), "a zip archive without weights.*Unpack"),
    "gzip": (gzip.compress(pickled(STATE)), "compressed by gzip.*Unpack"),
    "tar": (tar(), "a tar archive"),
    "Keras": (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
    "whole network": (pickled(nn.Linear(1, 1)), r"Python objects of the class torch\.nn\.modules\.linear\.Linear"),
    "settings of a class": (pickled({**STATE, "args": SimpleNamespace(lr=1)}), "the class types.SimpleNamespace"),
    "old pickle": (pickle.dumps(SimpleNamespace(a=1), protocol=2), "a pickle file|types.SimpleNamespace"),
    "noise": (bytes(range(200, 256)) * 9, "of an unknown format"),
}
OLD = io.BytesIO()
torch.save(STATE, OLD, _use_new_zipfile_serialization=False)
NO_WEIGHTS["half of an old file"] = (OLD.getvalue()[:-4], "a pickle file that is incomplete")


@pytest.mark.parametrize("kind", NO_WEIGHTS)
def test_the_error_names_what_the_file_is(kind: str, tmp_path: Path) -> None:
    content, cause = NO_WEIGHTS[kind]
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"^weights must be a file of tensors, but .*w\.pth' cannot be read.*({cause})"
    ):
        read_tensors(tmp_path / "w.pth")


def test_the_remedy_for_a_whole_network_is_a_state_dict(tmp_path: Path) -> None:
    torch.save(nn.Linear(1, 1), tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"could run code\..*torch\.save\(model\.state_dict\(\), file\)"):
        read_tensors(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [[torch.zeros(1)], torch.zeros(1), 3, "weights"])
def test_a_file_without_names_is_refused(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="a file with a dictionary of weights"):
        read_tensors(tmp_path / "a.pt")


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_runs(zipped: bool, tmp_path: Path) -> None:
    torch.save({**STATE, "trap": Trap(tmp_path / "sprung")}, tmp_path / "a", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"the class (builtins|io|_io)\.open"):
        read_tensors(tmp_path / "a")
    (tmp_path / "b").write_bytes(pickle.dumps({"trap": Trap(tmp_path / "sprung")}))
    with pytest.raises(ValueError, match="cannot be read"):
        read_tensors(tmp_path / "b")
    assert not (tmp_path / "sprung").exists()
