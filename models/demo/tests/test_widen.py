"""The widened model computes the small one's logits."""

import unittest
from dataclasses import replace

import jax.numpy as jnp
import numpy

from demo_model.network import SHAPE, first_weights, forward
from demo_model.widen import Wider

SMALL = replace(SHAPE, vocabulary=40, layers=2, inner=96)
LARGE = replace(
    SMALL, vocabulary=64, width=512, layers=3, heads=12, key_heads=3, head_size=128, inner=160,
    epsilon=SMALL.epsilon * SMALL.width / 512,
)


class Widen(unittest.TestCase):
    def test_logits_are_the_small_models(self):
        weights = first_weights(3, SMALL)
        generator = numpy.random.default_rng(5)
        for layer in weights["layers"]:
            for name, value in layer.items():
                layer[name] = value + generator.normal(0, 0.05, value.shape).astype(numpy.float32)
        wider = Wider(SMALL, LARGE)
        empty = {name: numpy.zeros_like(array) for name, array in weights["layers"][0].items()}
        wide = {
            "embedding": wider.place(weights["embedding"], (LARGE.vocabulary, LARGE.width)),
            "output_norm": wider.norm(weights["output_norm"]),
            "layers": [wider.layer(layer) for layer in weights["layers"] + [empty]],
        }
        tokens = jnp.asarray(generator.integers(0, SMALL.vocabulary, (1, 30)))
        positions = jnp.arange(30)[None]
        segments = jnp.ones((1, 30), jnp.int32)
        small = forward(weights, tokens, positions, segments, SMALL)
        large = forward(wide, tokens, positions, segments, LARGE)
        self.assertEqual(float(jnp.abs(large[..., SMALL.vocabulary:]).max()), 0.0)
        self.assertLess(float(jnp.abs(large[..., :SMALL.vocabulary] - small).max()), 1e-4)
        self.assertGreater(float(jnp.abs(small).max()), 0.1)


if __name__ == "__main__":
    unittest.main()
