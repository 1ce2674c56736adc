"""Training within a budget of wall-clock time, with checkpoints to resume from.

Does: run steps on packed rows until the budget is used up, whatever the speed of the
machine: warm up, hold, and decay over the last part of the budget.
Does not: make data (see `prepare.py`) or the GGUF (see `export.py`).
Called by: `__main__.py`.
"""

import pickle
import time

import jax
import jax.numpy as jnp
import numpy
import optax

from .network import SHAPE, first_weights, forward
from .optimizer import make_optimizer
from .prepare import LONG_ROW, SEED, SHARDS, SHORT_ROW
from .warm_start import read_weights

ROWS = {SHORT_ROW: 12, LONG_ROW: 8}
WARM_UP_STEPS = 60
DECAY_SHARE = 1.0
PROMPT_WEIGHT = 0.01
CHECKPOINT_SECONDS = 180
# Until this share of the budget, samples are drawn from shards of these levels.
LEVELS = ((0.06, (0,)), (0.50, (0, 1, 1, 2)), (1.01, (0, 1, 2, 2)))


def loss_of(weights, tokens, positions, segments, answers, dtype):
    """Weighted cross entropy, with the answers' own figures."""
    logits = forward(weights, tokens, positions, segments, dtype=dtype)[:, :-1]
    target = tokens[:, 1:]
    inside = (segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] > 0)
    answer = inside * (answers[:, 1:] > 0)
    weight = jnp.where(answer, answers[:, 1:], jnp.where(inside, PROMPT_WEIGHT, 0.0))
    chosen = jnp.take_along_axis(logits, target[..., None], -1)[..., 0]
    highest = jax.lax.stop_gradient(logits.max(-1))
    entropy = highest + jnp.log(jnp.exp(logits - highest[..., None]).sum(-1)) - chosen
    count = jnp.maximum(answer.sum(), 1)
    right = ((chosen >= highest) * answer).sum() / count
    return (entropy * weight).sum() / weight.sum(), ((entropy * answer).sum() / count, right)


def make_step(optimizer, dtype):
    """The compiled training step."""
    def step(weights, state, factor, tokens, positions, segments, answers):
        (_, figures), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            weights, tokens, positions, segments, answers, dtype)
        norm = optax.global_norm(gradients)
        gradients = jax.tree.map(lambda value: value * jnp.minimum(1.0, 1.0 / (norm + 1e-9)), gradients)
        updates, state = optimizer.update(gradients, state, weights)
        weights = jax.tree.map(lambda weight, update: weight + factor * update, weights, updates)
        return weights, state, figures + (norm,)

    return jax.jit(step, donate_argnums=(0, 1))


class Rows:
    """Rows of the shards, chosen by step, so that a resumed run needs no state."""

    def __init__(self, work):
        self.shards = {}
        for number, (level, _) in enumerate(SHARDS):
            with numpy.load(work / f"shard-{number:02}.npz") as arrays:
                self.shards.setdefault(level, []).append({name: arrays[name] for name in arrays.files})

    def batch(self, step, share):
        """The batch of one step."""
        generator = numpy.random.default_rng([SEED, step])
        levels = next(levels for limit, levels in LEVELS if share < limit)
        shards = self.shards[levels[generator.integers(len(levels))]]
        shard = shards[generator.integers(len(shards))]
        masses = numpy.array([shard[f"tokens_{row}"].size for row in ROWS], float)
        row = list(ROWS)[generator.choice(len(ROWS), p=masses / masses.sum())]
        if len(shard[f"tokens_{row}"]) < ROWS[row]:
            row = SHORT_ROW
        chosen = generator.choice(len(shard[f"tokens_{row}"]), ROWS[row], replace=False)
        tokens, segments, answers = (
            shard[f"{name}_{row}"][chosen].astype(numpy.int32) for name in ("tokens", "segments", "answers"))
        return tokens, positions_of(segments), segments, answers


def positions_of(segments):
    """Position of each token within its segment."""
    index = numpy.broadcast_to(numpy.arange(segments.shape[1], dtype=numpy.int32), segments.shape)
    starts = numpy.zeros_like(segments)
    starts[:, 1:] = numpy.where(segments[:, 1:] != segments[:, :-1], index[:, 1:], 0)
    return index - numpy.maximum.accumulate(starts, axis=1)


def factor_of(step, share):
    """Learning-rate factor: warm up by steps, hold, decay by time."""
    factor = min(1.0, (step + 1) / WARM_UP_STEPS)
    if share > 1.0 - DECAY_SHARE:
        factor *= max(0.01, (1.0 - share) / DECAY_SHARE)
    return factor


def save_checkpoint(work, weights, state, step, elapsed):
    """Write a checkpoint in one go."""
    temporary = work / "checkpoint.tmp"
    value = {
        "weights": jax.tree.map(numpy.asarray, weights), "state": jax.tree.map(numpy.asarray, state),
        "step": step, "elapsed": elapsed,
    }
    with open(temporary, "wb") as file:
        pickle.dump(value, file)
    temporary.replace(work / "checkpoint.pkl")


def load_checkpoint(work):
    """Read the checkpoint, or None."""
    path = work / "checkpoint.pkl"
    if not path.exists():
        return None
    with open(path, "rb") as file:
        return pickle.load(file)


def train(work, minutes, start_from=None, peak=1.0, dtype=jnp.bfloat16):
    """Train until the budget is used up; resume when there is a checkpoint. `peak` scales the learning rate."""
    optimizer = make_optimizer()
    found = load_checkpoint(work)
    if found:
        weights, state, step, elapsed = (found[name] for name in ("weights", "state", "step", "elapsed"))
    else:
        if start_from:
            first = read_weights(start_from, work / "tokenizer.json", SHAPE.layers)
        else:
            first = first_weights(SEED)
        weights = jax.tree.map(jnp.asarray, first)
        state, step, elapsed = optimizer.init(weights), 0, 0.0
    weights, state = jax.tree.map(jnp.asarray, (weights, state))
    budget = minutes * 60
    rows = Rows(work)
    run_step = make_step(optimizer, dtype)
    last, saved, recent, tokens_seen = time.monotonic(), elapsed, [], 0
    while elapsed < budget:
        share = elapsed / budget
        batch = rows.batch(step, share)
        weights, state, figures = run_step(weights, state, peak * factor_of(step, share), *batch)
        recent.append([float(figure) for figure in figures])
        now = time.monotonic()
        elapsed, last = elapsed + now - last, now
        step += 1
        tokens_seen += batch[0].size
        if step % 20 == 0:
            entropy, right, norm = numpy.mean(recent, 0)
            print(f"step {step} minutes {elapsed / 60:.1f} answer loss {entropy:.4f} right {right:.4f} "
                  f"norm {norm:.2f} factor {factor_of(step, share):.3f}", flush=True)
            recent = []
        if elapsed - saved > CHECKPOINT_SECONDS:
            save_checkpoint(work, weights, state, step, elapsed)
            saved = elapsed
    save_checkpoint(work, weights, state, step, elapsed)
    print(f"done: {step} steps", flush=True)
