"""A run to interrupt: `python long_run.py OUTPUT [--resume] [--chunks N] [--pause SECONDS]`."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from terralex.runtime import InputError, TerralexError, Vector, open_sink, run_chunks

CHUNK = 7
COLUMNS = {"path": str, "score": float, "rank": int, "sure": bool, "vector": Vector(5), "error": str}


def read(i: int) -> np.ndarray:
    if i % 11 == 3:
        raise InputError(f'picture {i} is "torn", sadly')
    return np.sin(np.arange(5, dtype=np.float32) + i)


def row(i: int, result: np.ndarray | Exception) -> dict[str, object]:
    if isinstance(result, Exception):
        return {"path": f"påth {i}.jpg", "error": str(result)}
    return {"path": f"påth {i}.jpg", "score": result[0], "rank": i, "sure": i % 2 == 0, "vector": result}


def run(output: Path, resume: bool = False, chunks: int = 6, pause: float = 0.0) -> int:
    items = range(chunks * CHUNK - 2)
    with open_sink(output, COLUMNS, {"items": len(items)}, resume=resume) as sink:
        for chunk in run_chunks(items, read, chunk_size=CHUNK, workers=2, start=sink.chunks_done):
            time.sleep(pause)
            failed = sum(isinstance(result, Exception) for _, _, result in chunk)
            sink.write_chunk([row(i, result) for _, i, result in chunk], failed)
            if pause:
                print(sink.chunks_done, flush=True)
    return sink.failed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--chunks", type=int, default=6)
    parser.add_argument("--pause", type=float, default=0.0)
    try:
        run(**vars(parser.parse_args()))
    except TerralexError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
