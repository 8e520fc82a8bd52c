"""Small CSV tables that people write: lists of taxa, and bins."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from terralex.runtime.errors import UsageError


def read_columns(path: Path, count: int) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The first columns of a CSV file.

    Returns:
        Their headings; and for each row that is not blank its line in the file and its cells, without the
        spaces around them.

    Raises:
        UsageError: It is not there, is no CSV file in UTF-8, or has no rows or too few columns.
    """
    try:
        reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: no list to read there") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except (OSError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV: {error}") from None
    if len(lines) < 2:
        raise UsageError(f"{path} has no rows: a line of headings and then the rows are expected")
    for line, cells in lines:
        if len(cells) < count:
            raise UsageError(f"{path}, line {line}: {count} columns are expected, there is {len(cells)}")
    (_, headings), *rows = [(line, cells[:count]) for line, cells in lines]
    return headings, rows
