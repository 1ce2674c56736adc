"""How a Qwen2 lies in a GGUF: the names of its tensors, and the numbers of its shape.

Does: hold what the export, the warm start and the widening have in common.
Does not: read or write a file.
Called by: `export.py`, `warm_start.py`, `widen.py`.
"""

MATRICES = (
    ("query", "attn_q"), ("key", "attn_k"), ("value", "attn_v"), ("attention_output", "attn_output"),
    ("gate", "ffn_gate"), ("up", "ffn_up"), ("down", "ffn_down"),
)
VECTORS = (
    ("attention_norm", "attn_norm.weight"), ("inner_norm", "ffn_norm.weight"),
    ("query_bias", "attn_q.bias"), ("key_bias", "attn_k.bias"), ("value_bias", "attn_v.bias"),
)


def add_shape(writer, shape, context_length, epsilon):
    """Write the numbers of a shape."""
    writer.add_context_length(context_length)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(epsilon)
