"""Network: the decoder agrees with the training network, segments do not see each other."""

import unittest

import jax.numpy as jnp
import numpy

from demo_model.decode import Decoder, quantised
from demo_model.network import Shape, first_weights, forward
from demo_model.train import factor_of, positions_of

SMALL = Shape(vocabulary=64, width=32, layers=2, heads=4, key_heads=2, head_size=8, inner=64)


def weights_with_spread():
    """Weights large enough for choices to differ."""
    weights = first_weights(1, SMALL)
    for layer in weights["layers"]:
        for name, value in layer.items():
            layer[name] = value * 8 if value.ndim == 2 else value + 0.1
    return weights


class NetworkTests(unittest.TestCase):
    def test_decoder_agrees_with_the_network(self):
        weights = weights_with_spread()
        decoder = Decoder(weights, SMALL, quantise=False)
        tokens = [5, 9, 33, 2, 17, 8]
        made = decoder.generate(tokens, ends=set(), most=6)
        row = numpy.array([tokens + made], numpy.int32)
        positions = numpy.arange(row.shape[1], dtype=numpy.int32)[None]
        logits = forward(weights, row, positions, numpy.ones_like(row), SMALL, jnp.float32)
        chosen = numpy.asarray(logits)[0].argmax(-1)
        self.assertEqual(made, chosen[len(tokens) - 1:-1].tolist())

    def test_segments_do_not_see_each_other(self):
        weights = weights_with_spread()
        segments = numpy.array([[1, 1, 1, 2, 2, 2]], numpy.int32)
        positions = positions_of(segments)
        self.assertEqual(positions.tolist(), [[0, 1, 2, 0, 1, 2]])
        one = forward(weights, numpy.array([[1, 2, 3, 7, 8, 9]]), positions, segments, SMALL)
        other = forward(weights, numpy.array([[4, 5, 6, 7, 8, 9]]), positions, segments, SMALL)
        numpy.testing.assert_allclose(one[0, 3:], other[0, 3:], atol=1e-5)

    def test_quantisation_is_close(self):
        matrix = numpy.random.default_rng(0).normal(size=(64, 16)).astype(numpy.float32)
        self.assertLess(numpy.abs(quantised(matrix) - matrix).max(), 0.03)

    def test_schedule_ends_near_zero(self):
        self.assertLess(factor_of(0, 0.0), 0.05)
        self.assertGreater(factor_of(500, 0.1), 0.8)
        self.assertLess(factor_of(5000, 0.999), 0.02)


if __name__ == "__main__":
    unittest.main()
