"""What people ask for: inputs in, a stream of records out."""

from terralex.recognition.bins import BinClassifier, bins_of_taxa, load_bins
from terralex.recognition.classify import Classifier, classify
from terralex.recognition.embed import embed, embeddings
from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.gallery import count_rows, read_embeddings, recorded_model
from terralex.recognition.items import Item, as_items, list_items
from terralex.recognition.labels import (
    Labels,
    LabelSource,
    labels_from_arguments,
    load_labels,
    load_queries,
)
from terralex.recognition.loading import open_model
from terralex.recognition.order import Candidates, Orderer, candidates, check_phrases, load_captions, order
from terralex.recognition.records import Embedding, Hit, Link, Prediction, TaxonPrediction, Window
from terralex.recognition.search import Search, class_queries, encode_queries, search, split_gallery
from terralex.recognition.stopping import Stopping, load_stopping
from terralex.recognition.taxa import TaxonClassifier, check_rank, classify_taxa, named_templates
from terralex.recognition.taxon_scores import (
    Taxa,
    TaxonomySource,
    TaxonScorer,
    load_taxa,
    part_of_taxa,
    wording,
)
from terralex.recognition.text_store import text_vectors

__all__ = [
    "BinClassifier",
    "Candidates",
    "Classifier",
    "Embedding",
    "Encoded",
    "Encoder",
    "Hit",
    "Item",
    "LabelSource",
    "Labels",
    "Link",
    "Orderer",
    "Prediction",
    "Search",
    "Stopping",
    "Taxa",
    "TaxonClassifier",
    "TaxonPrediction",
    "TaxonScorer",
    "TaxonomySource",
    "Window",
    "as_items",
    "bins_of_taxa",
    "candidates",
    "check_phrases",
    "check_rank",
    "class_queries",
    "classify",
    "classify_taxa",
    "count_rows",
    "embed",
    "embeddings",
    "encode_queries",
    "labels_from_arguments",
    "list_items",
    "load_bins",
    "load_captions",
    "load_labels",
    "load_queries",
    "load_stopping",
    "load_taxa",
    "named_templates",
    "open_model",
    "order",
    "part_of_taxa",
    "read_embeddings",
    "recorded_model",
    "search",
    "split_gallery",
    "text_vectors",
    "wording",
]
