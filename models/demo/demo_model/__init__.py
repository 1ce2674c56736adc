"""Tools that make the demo model of LocalCoder: data, training, export, evaluation.

Does: gather everything that `python -m demo_model` runs.
Does not: take part in the product at run time; the product only loads the GGUF.
Called by: `demo_model/__main__.py` and the tests.
"""
