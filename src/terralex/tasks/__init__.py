"""What people ask for: inputs in, a stream of records out."""

from terralex.tasks.classify import Classifier, classify
from terralex.tasks.embed import embed, embeddings
from terralex.tasks.encoder import BATCH_SIZE, Encoded, Encoder
from terralex.tasks.gallery import count_rows, read_embeddings, recorded_model
from terralex.tasks.items import Item, as_items, list_items
from terralex.tasks.labels import Labels, LabelSource, labels_from_arguments, load_labels, load_queries
from terralex.tasks.records import Embedding, Hit, Prediction, Window
from terralex.tasks.search import Search, encode_queries, search, split_gallery

__all__ = [
    "BATCH_SIZE",
    "Classifier",
    "Embedding",
    "Encoded",
    "Encoder",
    "Hit",
    "Item",
    "LabelSource",
    "Labels",
    "Prediction",
    "Search",
    "Window",
    "as_items",
    "classify",
    "count_rows",
    "embed",
    "embeddings",
    "encode_queries",
    "labels_from_arguments",
    "list_items",
    "load_labels",
    "load_queries",
    "read_embeddings",
    "recorded_model",
    "search",
    "split_gallery",
]
