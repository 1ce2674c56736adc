"""Export of a checkpoint to GGUF: Q8_0 matrices, F32 norms and biases.

Does: write the file that llama.cpp loads as it is, with tokenizer, chat template,
fill-in-the-middle tokens, licence and an honest description.
Does not: evaluate the result.
Called by: `__main__.py`.
"""

import json

import gguf
import numpy
from gguf import GGMLQuantizationType

from .network import SHAPE
from .prompts import CHAT_TEMPLATE
from .tensors import MATRICES, VECTORS, add_shape
from .tokenizer import SPECIAL
from .train import load_checkpoint

CONTEXT_LENGTH = 2048
DESCRIPTION = (
    "Demo model of LocalCoder: tidies Python functions of up to about 15 lines (augmented assignment, `is None`, "
    "`not in`, comprehensions, f-strings, early returns), and repeats code that needs nothing. It is no code "
    "assistant: it does not know other languages, cannot write programs, and cannot answer questions."
)


def add_tokenizer(writer, path):
    """Write vocabulary, merges and special tokens."""
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    vocabulary = model["vocab"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    tokens = sorted(vocabulary, key=vocabulary.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([
        gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(vocabulary["<|im_end|>"])
    writer.add_eot_token_id(vocabulary["<|im_end|>"])
    writer.add_pad_token_id(vocabulary["<|endoftext|>"])
    writer.add_add_bos_token(False)
    for part, token in (("pre", "prefix"), ("suf", "suffix"), ("mid", "middle"), ("pad", "pad")):
        writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", vocabulary[f"<|fim_{token}|>"])
    writer.add_chat_template(CHAT_TEMPLATE)


def export(work, output, shape=SHAPE):
    """Write the GGUF of the latest checkpoint, in one go."""
    checkpoint = load_checkpoint(work)
    weights = checkpoint["weights"]
    temporary = output.with_suffix(".tmp")
    writer = gguf.GGUFWriter(str(temporary), "qwen2")
    writer.add_name("LocalCoder demo")
    writer.add_description(DESCRIPTION)
    writer.add_license("PSF-2.0")
    add_shape(writer, shape, CONTEXT_LENGTH, shape.epsilon)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    add_tokenizer(writer, work / "tokenizer.json")

    def add_matrix(name, values):
        data = numpy.ascontiguousarray(values, dtype=numpy.float32)
        writer.add_tensor(name, gguf.quants.quantize(data, GGMLQuantizationType.Q8_0),
                          raw_dtype=GGMLQuantizationType.Q8_0)

    def add_vector(name, values):
        writer.add_tensor(name, numpy.ascontiguousarray(values, dtype=numpy.float32))

    add_matrix("token_embd.weight", weights["embedding"])
    add_vector("output_norm.weight", weights["output_norm"])
    for number, layer in enumerate(weights["layers"]):
        for ours, theirs in VECTORS:
            add_vector(f"blk.{number}.{theirs}", layer[ours])
        for ours, theirs in MATRICES:
            add_matrix(f"blk.{number}.{theirs}.weight", layer[ours].T)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    temporary.replace(output)
    print(f"{output}: step {checkpoint['step']}, {output.stat().st_size} bytes", flush=True)
