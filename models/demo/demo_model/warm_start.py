"""First weights and the tokenizer from a GGUF of an earlier training, to train on instead of from scratch.

Does: read the matrices, vectors and vocabulary that `export.py` wrote, and check that the
tokenizer is the same.
Does not: restore the optimizer; only a checkpoint does.
Called by: `prepare.py`, `train.py`.
"""

import json

import gguf
import numpy

from .tensors import MATRICES, VECTORS
from .tokenizer import save_tokenizer


def read_weights(path, tokenizer_file, layers):
    """The weights in a GGUF, as `network.first_weights` shapes them."""
    reader = gguf.GGUFReader(str(path))
    check_tokens(reader, tokenizer_file)
    return read_arrays(reader, layers)


def read_arrays(reader, layers):
    """All arrays of a GGUF, as `network.first_weights` shapes them."""
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    def values(name):
        tensor = tensors[name]
        return numpy.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), numpy.float32)

    weights = {"embedding": values("token_embd.weight"), "output_norm": values("output_norm.weight"), "layers": []}
    for number in range(layers):
        layer = {ours: values(f"blk.{number}.{theirs}") for ours, theirs in VECTORS}
        layer |= {ours: values(f"blk.{number}.{theirs}.weight").T.copy() for ours, theirs in MATRICES}
        weights["layers"].append(layer)
    return weights


def texts_of(reader, name):
    """A list of texts in the metadata."""
    field = reader.get_field(name)
    return [bytes(field.parts[index]).decode("utf-8") for index in field.data]


def keep_tokenizer(path, tokenizer_file):
    """Save the tokenizer of a GGUF for new data, since the weights know no other."""
    reader = gguf.GGUFReader(str(path))
    save_tokenizer(texts_of(reader, "tokenizer.ggml.tokens"), texts_of(reader, "tokenizer.ggml.merges"), tokenizer_file)


def check_tokens(reader, tokenizer_file):
    """Refuse a model of another tokenizer: every row of its embedding would mean something else."""
    vocabulary = json.loads(tokenizer_file.read_text(encoding="utf-8"))["model"]["vocab"]
    if texts_of(reader, "tokenizer.ggml.tokens") != sorted(vocabulary, key=vocabulary.get):
        raise SystemExit(
            "The model to start from has another tokenizer than the prepared data. "
            "Use a new work folder, or train without --start-from."
        )
