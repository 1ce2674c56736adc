"""A GGUF that was exported can be trained on: the same weights come back, up to quantization."""

import json
import pickle
import tempfile
import unittest
from pathlib import Path

import numpy

from demo_model.export import export
from demo_model.network import SHAPE, first_weights
from demo_model.tokenizer import SPECIAL
from demo_model.warm_start import read_weights


def write_tokenizer(path, prefix):
    """A vocabulary of the right size."""
    tokens = list(SPECIAL) + [f"{prefix}{number}" for number in range(SHAPE.vocabulary - len(SPECIAL))]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    path.write_text(json.dumps({"model": {"vocab": vocabulary, "merges": []}}), encoding="utf-8")


class WarmStart(unittest.TestCase):
    def test_weights_come_back_and_another_tokenizer_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            write_tokenizer(work / "tokenizer.json", "a")
            weights = first_weights(7)
            with open(work / "checkpoint.pkl", "wb") as file:
                pickle.dump({"weights": weights, "state": None, "step": 1, "elapsed": 0.0}, file)
            export(work, work / "model.gguf")
            found = read_weights(work / "model.gguf", work / "tokenizer.json", SHAPE.layers)
            self.assertLess(numpy.abs(found["embedding"] - weights["embedding"]).max(), 0.001)
            for ours, theirs in zip(found["layers"], weights["layers"]):
                self.assertEqual(ours.keys(), theirs.keys())
                for name, value in theirs.items():
                    self.assertLess(numpy.abs(ours[name] - value).max(), 0.001, name)
            write_tokenizer(work / "other.json", "b")
            with self.assertRaises(SystemExit):
                read_weights(work / "model.gguf", work / "other.json", SHAPE.layers)


if __name__ == "__main__":
    unittest.main()
