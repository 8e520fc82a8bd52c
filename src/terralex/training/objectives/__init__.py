"""Training objectives: pure functions of features."""

from terralex.training.objectives.contrastive import clip_loss, contrastive_loss, dense_loss
from terralex.training.objectives.entailment import (
    Angles,
    Apex,
    Chains,
    chain_angles,
    global_entailment,
    hard_examples,
    local_entailment,
    prior,
)
from terralex.training.objectives.hierarchical import (
    Terms,
    atmg_loss,
    meru_loss,
    radial_loss,
    rcme_loss,
    sixth_rows,
)
from terralex.training.objectives.patchwise import patch_similarity

__all__ = [
    "Angles",
    "Apex",
    "Chains",
    "Terms",
    "atmg_loss",
    "chain_angles",
    "clip_loss",
    "contrastive_loss",
    "dense_loss",
    "global_entailment",
    "hard_examples",
    "local_entailment",
    "meru_loss",
    "patch_similarity",
    "prior",
    "radial_loss",
    "rcme_loss",
    "sixth_rows",
]
