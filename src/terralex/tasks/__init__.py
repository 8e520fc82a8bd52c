"""What people ask for: inputs in, a stream of records out."""

from terralex.tasks.bins import BinClassifier, bins_of_taxa, load_bins
from terralex.tasks.classify import Classifier, classify
from terralex.tasks.embed import embed, embeddings
from terralex.tasks.encoder import BATCH_SIZE, Encoded, Encoder
from terralex.tasks.gallery import count_rows, read_embeddings, recorded_model
from terralex.tasks.items import Item, as_items, list_items
from terralex.tasks.labels import Labels, LabelSource, labels_from_arguments, load_labels, load_queries
from terralex.tasks.mapping import PLACE_COLUMNS, MapAnswer, MapReport, Place, ask, build_map, place_row
from terralex.tasks.order import Candidates, Orderer, candidates, check_phrases, load_captions, order
from terralex.tasks.photos import (
    MAX_SIDE,
    PRESENCE,
    ClassShare,
    HeatMaps,
    Segmentation,
    heatmaps,
    segment,
)
from terralex.tasks.records import Embedding, Hit, Link, Prediction, TaxonPrediction, Window
from terralex.tasks.search import Search, encode_queries, search, split_gallery
from terralex.tasks.stopping import Stopping, load_stopping
from terralex.tasks.taxa import TaxonClassifier, check_rank, classify_taxa, named_templates
from terralex.tasks.taxon_scores import Taxa, TaxonomySource, TaxonScorer, load_taxa, part_of_taxa, wording
from terralex.tasks.text_store import text_vectors

__all__ = [
    "BATCH_SIZE",
    "MAX_SIDE",
    "PLACE_COLUMNS",
    "PRESENCE",
    "BinClassifier",
    "Candidates",
    "ClassShare",
    "Classifier",
    "Embedding",
    "Encoded",
    "Encoder",
    "HeatMaps",
    "Hit",
    "Item",
    "LabelSource",
    "Labels",
    "Link",
    "MapAnswer",
    "MapReport",
    "Orderer",
    "Place",
    "Prediction",
    "Search",
    "Segmentation",
    "Stopping",
    "Taxa",
    "TaxonClassifier",
    "TaxonPrediction",
    "TaxonScorer",
    "TaxonomySource",
    "Window",
    "as_items",
    "ask",
    "bins_of_taxa",
    "build_map",
    "candidates",
    "check_phrases",
    "check_rank",
    "classify",
    "classify_taxa",
    "count_rows",
    "embed",
    "embeddings",
    "encode_queries",
    "heatmaps",
    "labels_from_arguments",
    "list_items",
    "load_bins",
    "load_captions",
    "load_labels",
    "load_queries",
    "load_stopping",
    "load_taxa",
    "named_templates",
    "order",
    "part_of_taxa",
    "place_row",
    "read_embeddings",
    "recorded_model",
    "search",
    "segment",
    "split_gallery",
    "text_vectors",
    "wording",
]
