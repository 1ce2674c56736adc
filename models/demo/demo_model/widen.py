"""The demo model in the shape of a large one: the same function at a large model's cost.

Does: put the small model's weights into the first rows and columns of a larger Qwen2 shape and
zeros everywhere else, so that a benchmark has a model that edits as the demo does and costs
what a 7B costs.
Does not: quantize beyond Q8_0, or say anything about the answers of a real large model.
Called by: people who measure (`python -m demo_model.widen SHAPE OUT.gguf`).
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy
from gguf import GGMLQuantizationType

from .network import SHAPE
from .prompts import CHAT_TEMPLATE
from .tensors import MATRICES, VECTORS, add_shape
from .tokenizer import SPECIAL
from .warm_start import read_arrays, texts_of

HOME = Path(__file__).resolve().parents[1]
CONTEXT_LENGTH = 8192
# Sizes as in the configuration files of Qwen2.5-Coder.
SHAPES = {
    "0.5b": replace(SHAPE, vocabulary=151936, width=896, layers=24, heads=14, key_heads=2, head_size=64, inner=4864),
    "7b": replace(SHAPE, vocabulary=152064, width=3584, layers=28, heads=28, key_heads=4, head_size=128, inner=18944),
}


@dataclass(frozen=True)
class Wider:
    """Where the parts of a small shape lie in a large one."""

    small: object
    large: object

    def place(self, array, shape):
        """Zeros of a shape, with the array in its first rows and columns."""
        result = numpy.zeros(shape, numpy.float32)
        result[tuple(slice(0, size) for size in array.shape)] = array
        return result

    def norm(self, weight):
        """RMSNorm takes its mean over all channels, of which most are zero now."""
        return self.place(weight * numpy.sqrt(self.small.width / self.large.width), (self.large.width,))

    def columns(self, kind):
        """For each column of a projection to heads, its column in the large shape."""
        small, large = self.small, self.large
        keys = kind in ("key", "value")
        group, wide_group = small.heads // small.key_heads, large.heads // large.key_heads
        count = small.key_heads if keys else small.heads
        heads = [head if keys else head // group * wide_group + head % group for head in range(count)]
        offsets = numpy.arange(small.head_size)
        if kind in ("query", "key"):
            # A rotary pair goes where the frequency is the same.
            ratio, half = large.head_size // small.head_size, small.head_size // 2
            first = numpy.arange(half) * ratio
            offsets = numpy.concatenate([first, large.head_size // 2 + first])
        return numpy.concatenate([head * large.head_size + offsets for head in heads])

    def heads(self, weight, kind):
        """A projection to heads (rows are inputs), or its bias."""
        large = self.large
        count = large.key_heads if kind in ("key", "value") else large.heads
        # Scores are divided by the square root of the head size.
        scale = numpy.sqrt(large.head_size / self.small.head_size) if kind == "query" else 1.0
        result = numpy.zeros(weight.shape[:-1] + (count * large.head_size,), numpy.float32)
        result[..., self.columns(kind)] = weight * scale
        return result if weight.ndim == 1 else self.place(result, (large.width, result.shape[1]))

    def layer(self, layer):
        """One layer's weights in the large shape."""
        large = self.large
        mixed = numpy.zeros((large.heads * large.head_size, large.width), numpy.float32)
        mixed[self.columns("output"), :self.small.width] = layer["attention_output"]
        wide = {"attention_output": mixed}
        for kind in ("query", "key", "value"):
            wide[kind] = self.heads(layer[kind], kind)
            wide[f"{kind}_bias"] = self.heads(layer[f"{kind}_bias"], kind)
        for name in ("attention_norm", "inner_norm"):
            wide[name] = self.norm(layer[name])
        for name in ("gate", "up"):
            wide[name] = self.place(layer[name], (large.width, large.inner))
        wide["down"] = self.place(layer["down"], (large.inner, large.width))
        return wide


def write_head(writer, reader, large):
    """Write the metadata: the small model's vocabulary, filled up with tokens that are never chosen."""
    tokens = texts_of(reader, "tokenizer.ggml.tokens")
    writer.add_name(f"LocalCoder demo at the cost of {large.width} x {large.layers}")
    add_shape(writer, large, CONTEXT_LENGTH, SHAPE.epsilon * SHAPE.width / large.width)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    padding = [f"[PAD{number}]" for number in range(len(tokens), large.vocabulary)]
    writer.add_token_list(tokens + padding)
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens]
    writer.add_token_types(kinds + [gguf.TokenType.UNUSED] * len(padding))
    writer.add_token_merges(texts_of(reader, "tokenizer.ggml.merges"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def widen(source, output, large, small=SHAPE):
    """Write the model in `source` in a larger shape, tensor by tensor."""
    reader = gguf.GGUFReader(str(source))
    weights = read_arrays(reader, small.layers)
    wider = Wider(small, large)
    empty = {name: numpy.zeros_like(array) for name, array in weights["layers"][0].items()}
    writer = gguf.GGUFWriter(str(output), "qwen2", use_temp_file=True)
    write_head(writer, reader, large)

    def matrix(name, array):
        data = gguf.quants.quantize(numpy.ascontiguousarray(array, numpy.float32), GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, data, raw_dtype=GGMLQuantizationType.Q8_0)

    embedding = wider.place(weights["embedding"], (large.vocabulary, large.width))
    matrix("token_embd.weight", embedding)
    matrix("output.weight", embedding)
    writer.add_tensor("output_norm.weight", wider.norm(weights["output_norm"]))
    for number in range(large.layers):
        # A layer of zeros adds nothing to what goes past it.
        layer = wider.layer(weights["layers"][number] if number < small.layers else empty)
        for ours, theirs in VECTORS:
            writer.add_tensor(f"blk.{number}.{theirs}", layer[ours])
        for ours, theirs in MATRICES:
            matrix(f"blk.{number}.{theirs}.weight", layer[ours].T)
        print(f"layer {number + 1} of {large.layers}", flush=True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    """Read the arguments and widen."""
    parser = argparse.ArgumentParser(prog="demo_model.widen", description="Widen the demo model.")
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("output", type=Path)
    parser.add_argument("--source", type=Path, default=HOME / "localcoder-demo.gguf")
    arguments = parser.parse_args()
    widen(arguments.source, arguments.output, SHAPES[arguments.shape])


if __name__ == "__main__":
    main()
