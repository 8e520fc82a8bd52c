"""RADIO: one backbone taught by several models, with a head into the space of each."""

from terralex.models.radio.backbone import Radio, RadioOutput
from terralex.models.radio.build import load_radio
from terralex.models.radio.heads import Head
from terralex.models.radio.network import RadioCLIP, with_adaptor

__all__ = ["Head", "Radio", "RadioCLIP", "RadioOutput", "load_radio", "with_adaptor"]
