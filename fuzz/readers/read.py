"""Reads the model files of a folder with the PyPI package `gguf`, and prints what came of each as a line
of JSON. Run by `cargo xtask fuzz --gguf-readers`."""

import json
import resource
import signal
import sys
from pathlib import Path

# A file has a hundred kilobytes: whatever needs this is a finding.
MEMORY_BYTES = 4 << 30
SECONDS = 10


def read(path: Path) -> dict:
    from gguf import GGUFReader

    reader = GGUFReader(path)
    field = reader.fields.get("general.architecture")
    return {
        "architecture": field.contents() if field is not None else None,
        "tensors": len(reader.tensors),
        "parameters": sum(int(tensor.n_elements) for tensor in reader.tensors),
    }


def too_long(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"it takes longer than {SECONDS} s")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, too_long)
    for path in sorted(Path(sys.argv[1]).glob("*.gguf")):
        said: dict = {"file": path.stem}
        signal.alarm(SECONDS)
        try:
            said.update(read(path), accepted=True)
        except Exception as error:
            said.update(accepted=False, error=f"{type(error).__name__}: {error}")
        signal.alarm(0)
        print(json.dumps(said, default=str), flush=True)


main()
