"""Which parameters learn, and how fast."""

import pytest
import torch
from torch import nn

from terralex.models.clip import CLIP
from terralex.models.extension import patch_embedding
from terralex.runtime.errors import UsageError
from terralex.training.parameters import fix, groups

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture
def network() -> nn.Module:
    return CLIP(**CONFIG)


def learning(network: nn.Module) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def test_everything_learns_unless_a_recipe_says_what(network: nn.Module) -> None:
    fix(network, (), ())
    assert learning(network) == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize(
    ("learns", "some", "none"),
    [
        (["patch"], {"visual.conv1.weight"}, {"visual.proj", "logit_scale", "text_projection"}),
        (["image"], {"visual.conv1.weight", "visual.proj"}, {"token_embedding.weight", "logit_scale"}),
        (["text"], {"token_embedding.weight", "text_projection"}, {"visual.proj", "logit_scale"}),
        (["scale"], {"logit_scale"}, {"visual.proj", "text_projection"}),
        (["patch", "visual.proj", "text_projection"], {"visual.proj"}, {"visual.ln_post.weight"}),
    ],
)
def test_parts_of_the_network_learn(
    network: nn.Module, learns: list[str], some: set[str], none: set[str]
) -> None:
    fix(network, learns, ())
    assert some <= learning(network)
    assert not none & learning(network)


def test_what_an_objective_fixes_stays_fixed(network: nn.Module) -> None:
    fix(network, ["image", "scale"], ("logit_scale", "visual.transformer"))
    assert "visual.proj" in learning(network)
    assert not any(name.startswith(("logit_scale", "visual.transformer")) for name in learning(network))


def test_a_part_that_is_not_there_is_an_error(network: nn.Module) -> None:
    with pytest.raises(UsageError, match=r"learns names 'vision', .*write image, text, patch, scale, or"):
        fix(network, ["vision"], ())


def test_what_is_new_learns_faster_and_each_parameter_is_in_one_group(network: nn.Module) -> None:
    learner = nn.ModuleDict({"network": network, "extra": nn.Embedding(3, 4)})
    made = groups(learner, network, 0.05, 0.1)
    scale_of = {id(p): group["scale"] for group in made for p in group["params"]}
    assert len(scale_of) == sum(len(group["params"]) for group in made) == len(list(learner.parameters()))
    assert [name for name, p in network.named_parameters() if scale_of[id(p)] == 1.0] == [
        "visual.conv1.weight"
    ]
    assert scale_of[id(learner["extra"].weight)] == 1.0
    for group in made:
        decays = {p.ndim > 1 for p in group["params"]}
        assert decays == {group["weight_decay"] == 0.05}


def test_one_speed_needs_no_patch_embedding() -> None:
    made = groups(nn.Linear(2, 2), nn.Module(), 0.05, 1.0)
    assert [(group["scale"], group["weight_decay"]) for group in made] == [(1.0, 0.05), (1.0, 0.0)]
    assert all(isinstance(p, torch.Tensor) for group in made for p in group["params"])
    assert patch_embedding(CLIP(**CONFIG)).shape == (32, 3, 8, 8)
