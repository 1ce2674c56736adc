"""Greedy text generation with a key/value cache, in numpy.

Does: continue a prompt with the most likely tokens; simulate Q8_0 weights on demand.
Does not: sample, batch or hurry.
Called by: `evaluate.py`.
"""

import numpy

from .network import SHAPE


def quantised(matrix):
    """Round a matrix as Q8_0 does: blocks of 32 along the input with a half-precision scale."""
    blocks = matrix.T.reshape(matrix.shape[1], -1, 32)
    scale = (numpy.abs(blocks).max(-1, keepdims=True) / 127).astype(numpy.float16).astype(numpy.float32)
    whole = numpy.round(blocks / numpy.maximum(scale, 1e-12))
    return numpy.ascontiguousarray((whole * scale).reshape(matrix.shape[1], -1).T.astype(numpy.float32))


class Decoder:
    """Holds the weights and generates."""

    def __init__(self, weights, shape=SHAPE, quantise=True):
        change = quantised if quantise else (lambda matrix: matrix)
        self.shape = shape
        self.embedding = change(numpy.asarray(weights["embedding"]).T).T
        self.head = numpy.ascontiguousarray(self.embedding.T)
        self.output_norm = numpy.asarray(weights["output_norm"])
        self.layers = [
            {name: change(numpy.asarray(value)) if value.ndim == 2 else numpy.asarray(value)
             for name, value in layer.items()}
            for layer in weights["layers"]
        ]

    def _normalised(self, values, weight):
        return values / numpy.sqrt((values * values).mean(-1, keepdims=True) + self.shape.epsilon) * weight

    def _rotated(self, values, positions):
        half = self.shape.head_size // 2
        angles = positions[:, None] * self.shape.rope_base ** (-numpy.arange(half) / half)
        cosine, sine = numpy.cos(angles)[:, None].astype("f4"), numpy.sin(angles)[:, None].astype("f4")
        first, second = values[..., :half], values[..., half:]
        return numpy.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)

    def _forward(self, tokens, start, cache):
        shape, count = self.shape, len(tokens)
        group = shape.heads // shape.key_heads
        positions = numpy.arange(start, start + count)
        hidden = self.embedding[tokens]
        for layer, (keys, values) in zip(self.layers, cache):
            normal = self._normalised(hidden, layer["attention_norm"])
            query = (normal @ layer["query"] + layer["query_bias"]).reshape(count, shape.heads, shape.head_size)
            key = (normal @ layer["key"] + layer["key_bias"]).reshape(count, shape.key_heads, shape.head_size)
            value = (normal @ layer["value"] + layer["value_bias"]).reshape(count, shape.key_heads, shape.head_size)
            keys[:, start:start + count] = self._rotated(key, positions).transpose(1, 0, 2)
            values[:, start:start + count] = value.transpose(1, 0, 2)
            query = self._rotated(query, positions).reshape(count, shape.key_heads, group, shape.head_size)
            query = query.transpose(1, 2, 0, 3) / numpy.sqrt(shape.head_size)
            scores = query @ keys[:, None, :start + count].transpose(0, 1, 3, 2)
            seen = positions[:, None] >= numpy.arange(start + count)[None]
            scores = numpy.where(seen, scores, -1e9)
            scores = numpy.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            mixed = (scores @ values[:, None, :start + count]).transpose(2, 0, 1, 3).reshape(count, -1)
            hidden = hidden + mixed @ layer["attention_output"]
            normal = self._normalised(hidden, layer["inner_norm"])
            gate = normal @ layer["gate"]
            hidden = hidden + (gate / (1 + numpy.exp(-gate)) * (normal @ layer["up"])) @ layer["down"]
        return self._normalised(hidden[-1:], self.output_norm) @ self.head

    def generate(self, prompt, ends, most=400, room=1400):
        """Continue the prompt until one of the end tokens or the limit; return the new tokens."""
        shape = self.shape
        room = max(room, len(prompt) + most + 1)
        cache = [
            tuple(numpy.zeros((shape.key_heads, room, shape.head_size), numpy.float32) for _ in range(2))
            for _ in self.layers
        ]
        made, tokens, start = [], list(prompt), 0
        while len(made) < most:
            logits = self._forward(numpy.array(tokens), start, cache)
            start += len(tokens)
            best = int(logits[0].argmax())
            if best in ends:
                break
            made.append(best)
            tokens = [best]
        return made
