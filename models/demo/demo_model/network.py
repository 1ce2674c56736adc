"""The network: Qwen2's architecture in a small shape, in JAX.

Does: make the first weights, run the forward pass on packed rows.
Does not: optimise (see `optimizer.py`) or generate text (see `decode.py`).
Called by: `train.py`, `decode.py`, the tests.
"""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy
from jax.experimental.layout import Layout, with_layout_constraint


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    vocabulary: int = 2048
    width: int = 256
    layers: int = 4
    heads: int = 4
    key_heads: int = 2
    head_size: int = 64
    inner: int = 704
    rope_base: float = 10000.0
    epsilon: float = 1e-6


SHAPE = Shape()
BLOCKS = (160, 176, 1)


def first_weights(seed, shape=SHAPE):
    """Random weights to start from."""
    generator = numpy.random.default_rng(seed)

    def normal(rows, columns, scale=0.02):
        return generator.normal(0.0, scale, (rows, columns)).astype(numpy.float32)

    small = 0.02 / numpy.sqrt(2 * shape.layers)
    queries, keys = shape.heads * shape.head_size, shape.key_heads * shape.head_size
    layers = []
    for _ in range(shape.layers):
        layers.append({
            "attention_norm": numpy.ones(shape.width, numpy.float32),
            "query": normal(shape.width, queries), "query_bias": numpy.zeros(queries, numpy.float32),
            "key": normal(shape.width, keys), "key_bias": numpy.zeros(keys, numpy.float32),
            "value": normal(shape.width, keys), "value_bias": numpy.zeros(keys, numpy.float32),
            "attention_output": normal(queries, shape.width, small),
            "inner_norm": numpy.ones(shape.width, numpy.float32),
            "gate": normal(shape.width, shape.inner), "up": normal(shape.width, shape.inner),
            "down": normal(shape.inner, shape.width, small),
        })
    return {
        "embedding": normal(shape.vocabulary, shape.width),
        "output_norm": numpy.ones(shape.width, numpy.float32), "layers": layers,
    }


def normalised(values, weight, epsilon):
    """RMSNorm."""
    return values * jax.lax.rsqrt(jnp.mean(values * values, -1, keepdims=True) + epsilon) * weight


def rotated(values, positions, shape):
    """Rotary position embedding, halves as in llama.cpp's NEOX order."""
    half = shape.head_size // 2
    frequencies = shape.rope_base ** (-jnp.arange(half) / half)
    angles = positions[..., None] * frequencies
    cosine, sine = jnp.cos(angles)[:, :, None], jnp.sin(angles)[:, :, None]
    first, second = values[..., :half], values[..., half:]
    return jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)


def turned(values):
    """The last two axes exchanged, in memory too.

    XLA would fold a plain transposition into the product that follows, and its CPU backend
    is four times slower on such a product than on a copy and an ordinary one.
    """
    return with_layout_constraint(values.swapaxes(-1, -2), Layout(major_to_minor=tuple(range(values.ndim))))


def row_product(left, right):
    """Rows of the left with rows of the right: left times right transposed."""
    rule = "rd,cd->rc" if left.ndim == 2 else "nrd,ncd->nrc"
    return jnp.einsum(rule, left, right, preferred_element_type=jnp.float32)


def plain_product(left, right):
    """Matrix product, with a float32 result."""
    return jnp.matmul(left, right, preferred_element_type=jnp.float32)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def product(left, right, rowwise, dtype):
    """Product of two (batches of) matrices in the given type, with a float32 result.

    With `rowwise` the right one is taken transposed. The gradients are taken in the same
    type: XLA is several times slower on mixed ones.
    """
    return (row_product if rowwise else plain_product)(left.astype(dtype), right.astype(dtype))


def _product_forward(left, right, rowwise, dtype):
    left, right = left.astype(dtype), right.astype(dtype)
    return product(left, right, rowwise, dtype), (left, right)


def _product_backward(rowwise, dtype, kept, change):
    (left, right), change = kept, change.astype(dtype)
    if rowwise:
        return plain_product(change, right), plain_product(turned(change), left)
    return row_product(change, right), plain_product(turned(left), change)


product.defvjp(_product_forward, _product_backward)


def multiply(left, right, dtype):
    """Rows times a matrix."""
    flat = left.reshape(-1, left.shape[-1])
    return product(flat, right, False, dtype).reshape(left.shape[:-1] + (right.shape[-1],))


def logits_of(hidden, embedding, dtype):
    """Logits against the tied embedding."""
    flat = hidden.reshape(-1, hidden.shape[-1])
    return product(flat, embedding, True, dtype).reshape(hidden.shape[:-1] + (embedding.shape[0],))


def attention(query, key, value, segments, shape, dtype):
    """Causal attention inside segments.

    Rows of queries are taken in blocks that see only the keys up to their own end,
    which spares most of what the mask would hide.
    """
    rows, length = segments.shape
    groups, size = shape.heads // shape.key_heads, shape.head_size
    query = query.reshape(rows, length, shape.key_heads, groups, size).transpose(0, 2, 3, 1, 4) / numpy.sqrt(size)
    key, value = key.transpose(0, 2, 1, 3), value.transpose(0, 2, 1, 3)
    block = next(size for size in BLOCKS if length % size == 0 or size == 1)
    block = length if block == 1 else block
    parts = []
    for start in range(0, length, block):
        end = start + block
        flat = query[:, :, :, start:end].reshape(rows * shape.key_heads, groups * block, size)
        keys = key[:, :, :end].reshape(rows * shape.key_heads, end, size)
        values = value[:, :, :end].reshape(rows * shape.key_heads, end, size)
        seen = segments[:, start:end, None] == segments[:, None, :end]
        seen = seen & (jnp.arange(start, end)[:, None] >= jnp.arange(end)[None])[None]
        scores = product(flat, keys, True, dtype).reshape(rows, shape.heads, block, end)
        scores = jax.nn.softmax(jnp.where(seen[:, None], scores, -1e9), -1)
        scores = scores.reshape(rows * shape.key_heads, groups * block, end)
        mixed = product(scores, values, False, dtype)
        parts.append(mixed.reshape(rows, shape.key_heads, groups, block, size))
    return jnp.concatenate(parts, 3).transpose(0, 3, 1, 2, 4).reshape(rows, length, shape.heads * size)


def forward(weights, tokens, positions, segments, shape=SHAPE, dtype=jnp.float32):
    """Logits of every position; attention stays inside each segment."""
    hidden = weights["embedding"][tokens]
    rows, length = tokens.shape
    for layer in weights["layers"]:
        normal = normalised(hidden, layer["attention_norm"], shape.epsilon)
        query = multiply(normal, layer["query"], dtype) + layer["query_bias"]
        key = multiply(normal, layer["key"], dtype) + layer["key_bias"]
        value = multiply(normal, layer["value"], dtype) + layer["value_bias"]
        query = rotated(query.reshape(rows, length, shape.heads, shape.head_size), positions, shape)
        key = rotated(key.reshape(rows, length, shape.key_heads, shape.head_size), positions, shape)
        value = value.reshape(rows, length, shape.key_heads, shape.head_size)
        mixed = attention(query, key, value, segments, shape, dtype)
        hidden = hidden + multiply(mixed, layer["attention_output"], dtype)
        normal = normalised(hidden, layer["inner_norm"], shape.epsilon)
        inner = jax.nn.silu(multiply(normal, layer["gate"], dtype)) * multiply(normal, layer["up"], dtype)
        hidden = hidden + multiply(inner, layer["down"], dtype)
    return logits_of(normalised(hidden, weights["output_norm"], shape.epsilon), weights["embedding"], dtype)
