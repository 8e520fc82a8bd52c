"""A conversion of TreeOfLife-10M, for `crash_points.py`; what is converted lies beside the run's folder."""

from pathlib import Path

from terralex.training.treeoflife import Conversion, is_finished


class Case:
    def __init__(self, folder: Path, form: str) -> None:
        self._folder, self._made = folder, folder / f"train_{form}"
        self._shard = 20 if form == "shards" else None

    def run(self, resume: bool) -> None:
        source = self._folder.parent / "TreeOfLife-10M"
        conversion = Conversion(
            source, self._folder, "train", size=16, shard=self._shard, workers=1, resume=resume
        )
        for _ in conversion.run():
            pass

    def files(self) -> dict[str, bytes]:
        files = (path for path in self._made.rglob("*") if path.is_file())
        return {str(path.relative_to(self._made)): path.read_bytes() for path in files}

    def unfinished(self) -> bool:
        return not is_finished(self._folder, "train", bool(self._shard))
