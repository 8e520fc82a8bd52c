"""Finding taxa by name and leaves by lineage, many at a time."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy._clean import clean_lineages
from terralex.taxonomy.names import ARROW
from terralex.taxonomy.scientific import tidy
from terralex.taxonomy.tree import Tree

_SHOWN = 5  # of many unknown names or homonyms, so many are shown


def find_numbers(tree: Tree, names: Iterable[str], rank: str | None) -> list[int]:
    """The number of the one taxon of each name; see `Taxonomy.find`."""
    asked = [tidy(name) for name in names]
    matches = find_homonyms(tree, asked, rank)
    for name, numbers in matches.items():
        if len(numbers) > 1:
            raise UsageError(_ambiguous(tree, name, numbers, rank))
    return [matches[name][0] for name in asked]


def find_homonyms(tree: Tree, names: Iterable[str], rank: str | None) -> dict[str, list[int]]:
    """The numbers of all taxa of each name; see `Taxonomy.find`.

    Raises:
        UsageError: No taxon has the name.
    """
    asked = [tidy(name) for name in names]
    if rank is None:
        first, last = 0, len(tree.names)
    else:
        numbers = tree.numbers(rank)
        first, last = numbers.start, numbers.stop
    parts = {name: [_fold(part) for part in name.split(ARROW.strip()) if part.strip()] for name in asked}
    plain = {name: part[0] for name, part in parts.items() if len(part) == 1}
    chains = {name: part for name, part in parts.items() if len(part) > 1}
    matches: dict[str, list[int]] = {name: [] for name, part in parts.items() if not part}
    matches |= _matches(plain, tree.folded_names.full, first, last)
    matches |= _chain_matches(tree, chains, first, last)
    if unknown := [name for name in matches if not matches[name]]:
        raise UsageError(_unknown(tree, unknown, rank, len(matches)))
    return matches


def find_leaves(tree: Tree, lineages: Iterable[Sequence[str]]) -> NDArray[np.int64]:
    """See `Taxonomy.locate`. Rank by rank: the pair (taxon above, name) is looked up among all such pairs."""
    columns = clean_lineages(lineages, tree.ranks)
    above = np.zeros(len(columns[0]), np.int64)
    for index, column in enumerate(columns):
        own = slice(tree.offsets[index], tree.offsets[index + 1])
        known = pa.array(tree.names[own], pa.string()).dictionary_encode()
        count = len(known.dictionary)
        parents = tree.parents[own].astype(np.int64) if index else np.zeros(len(known), np.int64)
        pairs = parents * count + known.indices.to_numpy(zero_copy_only=False)
        order = np.argsort(pairs)
        names = pc.fill_null(pc.index_in(column, value_set=known.dictionary), -1).to_numpy()
        wanted = above * count + names
        at = np.minimum(np.searchsorted(pairs, wanted, sorter=order), len(pairs) - 1)
        hit = (pairs[order[at]] == wanted) & (names >= 0) & (above >= 0)
        above = np.where(hit, order[at] + own.start, -1)
    # A taxon of the last rank is one leaf, and they are in order.
    return np.where(above >= 0, above - tree.offsets[-2], -1)


def _fold(name: str) -> str:
    return tidy(name).casefold()


def _matches(asked: dict[str, str], index: pa.StringArray, first: int, last: int) -> dict[str, list[int]]:
    """The numbers, in first..last, of the taxa whose entry in the index is the folded name asked for."""
    folded = list(dict.fromkeys(asked.values()))
    hits = pc.index_in(index.slice(first, last - first), value_set=pa.array(folded, pa.string()))
    positions = np.flatnonzero(hits.is_valid().to_numpy(zero_copy_only=False))
    by_name: dict[str, list[int]] = {name: [] for name in folded}
    for position in positions.tolist():
        by_name[folded[hits[position].as_py()]].append(first + position)
    return {name: by_name[fold] for name, fold in asked.items()}


def _chain_matches(tree: Tree, chains: dict[str, list[str]], first: int, last: int) -> dict[str, list[int]]:
    """As `_matches`, for names with some of their ancestors; here a species may be given by its epithet."""
    ends = {name: parts[-1] for name, parts in chains.items()}
    own = _matches(ends, tree.folded_names.own, first, last)
    full = _matches(ends, tree.folded_names.full, first, last)

    def fits(number: int, ancestors: list[str]) -> bool:
        names = tree.taxon(number).lineage[:-1]
        return set(ancestors) - {"?"} <= {_fold(name) for name in names}

    return {
        name: [n for n in sorted({*own[name], *full[name]}) if fits(n, parts[:-1])]
        for name, parts in chains.items()
    }


def _ambiguous(tree: Tree, name: str, numbers: list[int], rank: str | None) -> str:
    taxa = [tree.taxon(number) for number in numbers]
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


def _unknown(tree: Tree, names: list[str], rank: str | None, asked: int) -> str:
    where = f"no {rank}" if rank else "no taxon"
    shown = ", ".join(f"{name!r}{_nearest(tree, name, rank)}" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    count = f" ({len(names)} of {asked} names)" if asked > 1 else ""
    return f"the taxonomy has {where} named {shown}{more}{count}"


def _nearest(tree: Tree, name: str, rank: str | None) -> str:
    """Near names, for the message. Only names that begin or end alike are compared: it has to be quick."""
    folded = _fold(name.rpartition(ARROW.strip())[2])
    if len(folded) < 3:
        return ""
    numbers = range(len(tree.names)) if rank is None else tree.numbers(rank)
    names = tree.folded_names.full.slice(numbers.start, len(numbers))
    alike = pc.or_(pc.starts_with(names, folded[:3]), pc.ends_with(names, folded[-3:]))
    close = np.abs(pc.utf8_length(names).to_numpy(zero_copy_only=False) - len(folded)) <= 2
    candidates = np.flatnonzero(alike.to_numpy(zero_copy_only=False) & close) + numbers.start
    spelt = {_fold(tree.full_names[number]): tree.full_names[number] for number in candidates.tolist()}
    near = difflib.get_close_matches(folded, list(spelt), n=3, cutoff=0.75)
    return f" (did you mean {' or '.join(spelt[name] for name in near)}?)" if near else ""
