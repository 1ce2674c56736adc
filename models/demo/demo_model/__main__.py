"""Command line of the demo model's tools.

Does: `python -m demo_model prepare|train|export|evaluate|all|retrain --work DIR`. `all` is the
others one after the other, from random weights; `retrain` is `all` from the model that ships.
Does not: any work itself.
Called by: the project's task runner, people who retrain the model.
"""

import argparse
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]


def main():
    """Read the arguments and run the commands."""
    parser = argparse.ArgumentParser(prog="demo_model", description="Make the demo model.")
    parser.add_argument("command", choices=("prepare", "train", "export", "evaluate", "all", "retrain"))
    parser.add_argument("--work", type=Path, required=True, help="folder for data and checkpoints")
    parser.add_argument("--minutes", type=float, default=82.0, help="wall-clock budget of the training")
    parser.add_argument("--peak", type=float, help="scale of the learning rate (default: 1, or 0.5 from a model)")
    parser.add_argument("--start-from", type=Path, help="a GGUF of an earlier training to go on from")
    parser.add_argument("--output", type=Path, default=HOME / "localcoder-demo.gguf", help="where the GGUF goes")
    parser.add_argument("--records", type=Path, default=HOME / "choose.json", help="records to evaluate on")
    parser.add_argument("--count", type=int, default=0, help="evaluate only so many records (0: all)")
    arguments = parser.parse_args()
    everything = arguments.command in ("all", "retrain")
    if arguments.command == "retrain" and arguments.start_from is None:
        arguments.start_from = HOME / "localcoder-demo.gguf"
    if everything or arguments.command == "prepare":
        from .prepare import make_shards, prepare
        prepare(arguments.work, arguments.start_from)
        make_shards(arguments.work, processes=2)
    if everything or arguments.command == "train":
        from .train import train
        peak = arguments.peak or (0.5 if arguments.start_from else 1.0)
        train(arguments.work, arguments.minutes, arguments.start_from, peak)
    if everything or arguments.command == "export":
        from .export import export
        export(arguments.work, arguments.output)
    if everything or arguments.command == "evaluate":
        from .evaluate import evaluate
        evaluate(arguments.work, arguments.records, arguments.count)


if __name__ == "__main__":
    main()
