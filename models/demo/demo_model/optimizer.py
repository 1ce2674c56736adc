"""The optimiser: Muon for the matrices inside the layers, AdamW for everything else.

Does: build an optax transformation that takes the learning-rate factor per call.
Does not: know the schedule (see `train.py`).
Called by: `train.py`.
"""

import jax
import jax.numpy as jnp
import optax

MUON_RATE = 0.015
ADAM_RATE = 3e-3
MUON_DECAY = 0.02
ADAM_DECAY = 0.01
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrix, steps=5):
    """Newton-Schulz iteration towards the nearest orthogonal matrix."""
    tall = matrix.shape[0] > matrix.shape[1]
    values = matrix.T if tall else matrix
    values = values / (jnp.linalg.norm(values) + 1e-7)
    first, second, third = COEFFICIENTS
    for _ in range(steps):
        square = values @ values.T
        values = first * values + (second * square + third * square @ square) @ values
    return values.T if tall else values


def muon(momentum=0.95):
    """Muon's direction: orthogonalised Nesterov momentum, scaled by the shape."""

    def start(weights):
        return jax.tree.map(jnp.zeros_like, weights)

    def update(gradients, state, weights=None):
        state = jax.tree.map(lambda old, new: momentum * old + (1 - momentum) * new, state, gradients)
        looked = jax.tree.map(lambda old, new: momentum * old + (1 - momentum) * new, state, gradients)

        def direction(matrix):
            scale = max(1.0, matrix.shape[1] / matrix.shape[0]) ** 0.5
            return scale * orthogonalised(matrix)

        return jax.tree.map(direction, looked), state

    return optax.GradientTransformation(start, update)


def kinds_of(weights):
    """Name the rule for each weight."""
    def kind(path, weight):
        inside = any(getattr(part, "key", None) == "layers" for part in path)
        return "muon" if inside and weight.ndim == 2 else "adam" if weight.ndim == 2 else "adam_plain"

    return jax.tree_util.tree_map_with_path(kind, weights)


def make_optimizer():
    """The whole rule for a learning-rate factor of 1; the caller scales the update."""
    return optax.partition({
        "muon": optax.chain(muon(), optax.add_decayed_weights(MUON_DECAY), optax.scale(-MUON_RATE)),
        "adam": optax.chain(
            optax.scale_by_adam(b1=0.9, b2=0.98), optax.add_decayed_weights(ADAM_DECAY), optax.scale(-ADAM_RATE)),
        "adam_plain": optax.chain(optax.scale_by_adam(b1=0.9, b2=0.98), optax.scale(-ADAM_RATE)),
    }, kinds_of)
