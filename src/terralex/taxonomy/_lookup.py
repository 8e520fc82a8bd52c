"""Finding taxa by name and leaves by lineage, many at a time."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy._clean import clean_lineages
from terralex.taxonomy.names import ARROW, tidy

if TYPE_CHECKING:
    from terralex.taxonomy.taxonomy import Taxonomy

_SHOWN = 5  # of many unknown names or homonyms, so many are shown


class NameIndex:
    """All names of a taxonomy as Arrow arrays: one pass finds any number of names.

    Attributes:
        own: K folded names, an epithet for a species.
        full: K folded names, "Genus epithet" for a species.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.own = pa.array(map(str.casefold, taxonomy.names), pa.string())
        self.full = pa.array(map(str.casefold, taxonomy.full_names), pa.string())


def find_numbers(taxonomy: Taxonomy, names: Iterable[str], rank: str | None) -> list[int]:
    """The number of the one taxon of each name; see `Taxonomy.find`."""
    asked = [tidy(name) for name in names]
    found = find_homonyms(taxonomy, asked, rank)
    for name, numbers in found.items():
        if len(numbers) > 1:
            raise UsageError(_ambiguous(taxonomy, name, numbers, rank))
    return [found[name][0] for name in asked]


def find_homonyms(taxonomy: Taxonomy, names: Iterable[str], rank: str | None) -> dict[str, list[int]]:
    """The numbers of all taxa of each name; see `Taxonomy.find`.

    Raises:
        UsageError: No taxon has the name.
    """
    asked = [tidy(name) for name in names]
    if rank is None:
        first, last = 0, len(taxonomy.names)
    else:
        place = taxonomy.rank_index(rank)
        first, last = taxonomy.offsets[place], taxonomy.offsets[place + 1]
    parts = {name: [_fold(part) for part in name.split(ARROW.strip()) if part.strip()] for name in asked}
    plain = {name: part[0] for name, part in parts.items() if len(part) == 1}
    chains = {name: part for name, part in parts.items() if len(part) > 1}
    found: dict[str, list[int]] = {name: [] for name, part in parts.items() if not part}
    found |= _matches(plain, taxonomy.index.full, first, last)
    found |= _chain_matches(taxonomy, chains, first, last)
    if unknown := [name for name in found if not found[name]]:
        raise UsageError(_unknown(taxonomy, unknown, rank, len(found)))
    return found


def find_leaves(taxonomy: Taxonomy, lineages: Iterable[Sequence[str]]) -> NDArray[np.int64]:
    """See `Taxonomy.locate`. Rank by rank: the pair (taxon above, name) is looked up among all such pairs."""
    columns = clean_lineages(lineages, taxonomy.ranks)
    above = np.zeros(len(columns[0]), np.int64)
    for place, column in enumerate(columns):
        own = slice(taxonomy.offsets[place], taxonomy.offsets[place + 1])
        known = pa.array(taxonomy.names[own], pa.string()).dictionary_encode()
        count = len(known.dictionary)
        parents = taxonomy.parents[own].astype(np.int64) if place else np.zeros(len(known), np.int64)
        pairs = parents * count + known.indices.to_numpy(zero_copy_only=False)
        order = np.argsort(pairs)
        names = pc.fill_null(pc.index_in(column, value_set=known.dictionary), -1).to_numpy()
        wanted = above * count + names
        at = np.minimum(np.searchsorted(pairs, wanted, sorter=order), len(pairs) - 1)
        hit = (pairs[order[at]] == wanted) & (names >= 0) & (above >= 0)
        above = np.where(hit, order[at] + own.start, -1)
    # A taxon of the last rank is one leaf, and they are in order.
    return np.where(above >= 0, above - taxonomy.offsets[-2], -1)


def _fold(name: str) -> str:
    return tidy(name).casefold()


def _matches(asked: dict[str, str], index: pa.StringArray, first: int, last: int) -> dict[str, list[int]]:
    """The numbers, in first..last, of the taxa whose entry in the index is the folded name asked for."""
    folded = list(dict.fromkeys(asked.values()))
    hits = pc.index_in(index.slice(first, last - first), value_set=pa.array(folded, pa.string()))
    places = np.flatnonzero(hits.is_valid().to_numpy(zero_copy_only=False))
    by_name: dict[str, list[int]] = {name: [] for name in folded}
    for place in places.tolist():
        by_name[folded[hits[place].as_py()]].append(first + place)
    return {name: by_name[fold] for name, fold in asked.items()}


def _chain_matches(
    taxonomy: Taxonomy, chains: dict[str, list[str]], first: int, last: int
) -> dict[str, list[int]]:
    """As `_matches`, for names with some of their ancestors; here a species may be given by its epithet."""
    ends = {name: parts[-1] for name, parts in chains.items()}
    own = _matches(ends, taxonomy.index.own, first, last)
    full = _matches(ends, taxonomy.index.full, first, last)

    def fits(number: int, ancestors: list[str]) -> bool:
        names = taxonomy.taxon(number).lineage[:-1]
        return set(ancestors) - {"?"} <= {_fold(name) for name in names}

    return {
        name: [n for n in sorted({*own[name], *full[name]}) if fits(n, parts[:-1])]
        for name, parts in chains.items()
    }


def _ambiguous(taxonomy: Taxonomy, name: str, numbers: list[int], rank: str | None) -> str:
    taxa = [taxonomy.taxon(number) for number in numbers]
    shown = "; ".join(map(str, taxa[:_SHOWN]))
    more = f"; and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    bearers = Counter(above for taxon in taxa for above in set(taxon.lineage[:-1]))
    own = next((above for taxon in taxa for above in taxon.lineage[:-1] if above and bearers[above] == 1), "")
    by_ancestor = f"by an ancestor, as in '{own}{ARROW}{name}'" if own else ""
    by_rank = "by its rank" if rank is None else ""
    advice = " or ".join(filter(None, [by_ancestor, by_rank]))
    return f"{name!r} is the name of {len(numbers)} taxa: {shown}{more}" + (
        f". Choose one {advice}" if advice else ""
    )


def _unknown(taxonomy: Taxonomy, names: list[str], rank: str | None, asked: int) -> str:
    where = f"no {rank}" if rank else "no taxon"
    shown = ", ".join(f"{name!r}{_nearest(taxonomy, name, rank)}" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    count = f" ({len(names)} of {asked} names)" if asked > 1 else ""
    return f"the taxonomy has {where} named {shown}{more}{count}"


def _nearest(taxonomy: Taxonomy, name: str, rank: str | None) -> str:
    """Near names, for the message. Only names that begin or end alike are compared: it has to be quick."""
    folded = _fold(name.rpartition(ARROW.strip())[2])
    if len(folded) < 3:
        return ""
    start, end = (0, len(taxonomy.names)) if rank is None else _bounds(taxonomy, rank)
    names = taxonomy.index.full.slice(start, end - start)
    alike = pc.or_(pc.starts_with(names, folded[:3]), pc.ends_with(names, folded[-3:]))
    close = np.abs(pc.utf8_length(names).to_numpy(zero_copy_only=False) - len(folded)) <= 2
    places = np.flatnonzero(alike.to_numpy(zero_copy_only=False) & close) + start
    spelt = {_fold(taxonomy.full_names[place]): taxonomy.full_names[place] for place in places.tolist()}
    near = difflib.get_close_matches(folded, list(spelt), n=3, cutoff=0.75)
    return f" (did you mean {' or '.join(spelt[found] for found in near)}?)" if near else ""


def _bounds(taxonomy: Taxonomy, rank: str) -> tuple[int, int]:
    place = taxonomy.rank_index(rank)
    return taxonomy.offsets[place], taxonomy.offsets[place + 1]
