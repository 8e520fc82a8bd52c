"""How text is divided into cells: delimiter, quotation marks, and row names that have no heading."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_BLOCK = 2**22  # bytes read at a time
_LONGEST_CELL = 2**20  # bytes; a quotation mark that is not closed within as many is text


@dataclass(frozen=True)
class Dialect:
    r"""How a text file is divided into cells.

    Attributes:
        delimiter: Stands between cells.
        quoted: Cells may be in double quotes; otherwise quotation marks are text, as in Darwin Core.
        escaped: A quotation mark within quotes is written `\"`, as R does, and not `""`.
        row_names: Rows begin with a name that the header has no column for, as R writes them.
        header_lines: Lines of the file down to the end of the header.
    """

    delimiter: str
    quoted: bool = True
    escaped: bool = False
    row_names: bool = False
    header_lines: int = 1


def parse(lines: Iterable[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """The last line and the cells of each row that is not empty, the header included.

    Raises:
        csv.Error: A quoted cell is not closed.
    """
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
        escapechar="\\" if dialect.escaped else None,
        strict=True,
    )
    for cells in reader:
        if cells:
            yield reader.line_num, cells


def detect_dialect(
    content: io.BufferedReader | gzip.GzipFile, header: str, *, is_csv: bool
) -> tuple[Dialect, tuple[str, ...]]:
    """The dialect of a file, and the columns that its header names ("" for row names).

    Args:
        content: The file, read from its beginning.
        header: Its first line that is not blank.
        is_csv: Its ending says that commas separate cells even if the header has none.

    Raises:
        csv.Error: The header has a quoted cell that is not closed.
        UnicodeDecodeError: The file is not UTF-8 text.
    """
    delimiter = _delimiter(header, is_csv)
    quoted, escaped = _quoting(content, delimiter)
    dialect = Dialect(delimiter, quoted, escaped)
    content.seek(0)
    text = io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
    try:
        rows = parse(text, dialect)
        header_lines, columns = next(rows, (1, [""]))
        _, first = next(rows, (0, columns))
    finally:
        text.detach()
    row_names = len(first) == len(columns) + 1 and (delimiter == "\t" or first[0].isdecimal())
    dialect = Dialect(delimiter, quoted, escaped, row_names, header_lines)
    return dialect, ("",) * row_names + tuple(columns)


def _delimiter(header: str, is_csv: bool) -> str:
    if "\t" in header:
        return "\t"
    bare = re.sub(r'"[^"]*"', '""', header)
    if bare.count(";") > bare.count(","):
        return ";"
    return "," if is_csv or "," in bare else "\t"


def _quoting(content: io.BufferedReader | gzip.GzipFile, delimiter: str) -> tuple[bool, bool]:
    r"""Whether cells are in quotes, and whether `\"` is a quotation mark within them.

    Only cells that begin with a quotation mark tell. In CSV files they are quoted by definition, and the
    beginning of the file is enough. With tabs both habits are common: pandas and R quote, Darwin Core
    archives do not, and one cell such as `"Felis" catus` decides, wherever it is.
    """
    begins = re.compile(rb'[\r\n%s]"' % delimiter.encode())
    after = rb"(?=[\r\n%s]|\Z)" % delimiter.encode()
    doubled = re.compile(rb'"[^"]*(?:""[^"]*)*"' + after)
    with_escapes = re.compile(rb'"(?:[^"\\]|\\.|"")*"' + after, re.DOTALL)
    with_tabs = delimiter == "\t"
    escaped = any_quoted = False
    buffer = b"\n"
    while block := content.read(_BLOCK):
        buffer += block.removeprefix(b"\xef\xbb\xbf") if buffer == b"\n" else block
        at = 0
        while opening := begins.search(buffer, at):
            start = opening.end() - 1
            cell = doubled.match(buffer, start)
            needs_escapes = cell is None
            cell = cell or with_escapes.match(buffer, start)
            if cell is None or cell.end() == len(buffer):
                if len(block) == _BLOCK and len(buffer) - start < _LONGEST_CELL:
                    at = opening.start()  # it may end in the next block
                    break
                if cell is None:
                    return not with_tabs, False
            escaped, any_quoted, at = escaped or needs_escapes, True, cell.end()
        else:
            at = max(at, len(buffer) - 1)
        if not with_tabs:
            break
        buffer = buffer[at:]
    return any_quoted or not with_tabs, escaped
