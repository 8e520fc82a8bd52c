"""Pictures with captions to train on: SSL4EO-S12, webdataset shards, or a table of paths and captions."""

from terralex.training.captioned.pictures import CaptionedPictures
from terralex.training.captioned.shards import CaptionedShards
from terralex.training.captioned.source import CaptionedSource
from terralex.training.captioned.ssl4eo import Ssl4eo
from terralex.training.captioned.table import CaptionedTable
from terralex.training.captioned.writing import caption_labels, caption_tags, caption_with, write_captions

__all__ = [
    "CaptionedPictures",
    "CaptionedShards",
    "CaptionedSource",
    "CaptionedTable",
    "Ssl4eo",
    "caption_labels",
    "caption_tags",
    "caption_with",
    "write_captions",
]
