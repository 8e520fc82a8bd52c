from pathlib import Path

import plain_sam
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import SamConfig

from terralex.models.hub import hand_folder
from terralex.runtime.errors import TerralexError
from terralex.segmentation.refinement import (
    SAM_NAME,
    Sam,
    SamEmbedder,
    SamRefiner,
    build_sam,
    locate_sam,
    read_sam,
)

State = dict[str, Tensor]


def made(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def original() -> State:
    """The published names of ViT-H, with weights of the size that networks have."""
    return {
        name: made(*shape, seed=seed) * (shape[-1] * (shape[2] ** 2 if len(shape) > 2 else 1)) ** -0.5
        if len(shape) > 1
        else (name.endswith("weight") + 0.1 * made(*shape, seed=seed))
        for seed, (name, shape) in enumerate(plain_sam.shapes().items())
    }


@pytest.fixture(scope="module")
def file(original: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "sam_vit_h_4b8939.pth"
    torch.save(original, path)
    return path


def test_original_file(original: State, file: Path) -> None:
    """Every number of SAM, against the formulas on the original names."""
    sam, plain = build_sam(read_sam(file), str(file)), plain_sam.PlainSam(original)
    features = made(1, 1280, 3, 5)
    embedding = plain.neck(features)
    torch.testing.assert_close(sam.neck(features), embedding, atol=1e-4, rtol=1e-4)
    points = torch.tensor([[100.0, 30.5], [700.25, 1000.0]])
    boxes = torch.tensor([[50.0, 10.0, 300.0, 200.0], [0.0, 500.0, 1023.0, 1023.0]])
    masks = made(2, 256, 256, seed=1)
    answers = []
    for as_published in (False, True):
        logits, quality = sam.decode(embedding, points, boxes, masks, as_published=as_published)
        for prompt in range(2):
            expected = plain.decode(embedding, points[prompt], boxes[prompt], masks[prompt], as_published)
            torch.testing.assert_close(logits[prompt], expected[0], atol=1e-3, rtol=1e-3)
            torch.testing.assert_close(quality[prompt], expected[1], atol=1e-4, rtol=1e-4)
        answers.extend(logits)
    for place, answer in enumerate(answers):
        assert not any(torch.allclose(answer, other, atol=0.1) for other in answers[:place])


@pytest.mark.parametrize("named", ["once", "twice", "elsewhere"])
def test_hugging_face_file(file: Path, tmp_path: Path, named: str) -> None:
    """Its position matrix is one tensor, which files name once or twice."""
    state = build_sam(read_sam(file), "").state_dict()
    ours, theirs = "prompt_encoder.shared_embedding", "shared_image_embedding"
    positions = state[f"{ours}.positional_embedding"]
    if named != "once":
        state[f"{theirs}.positional_embedding"] = positions.clone()
    if named == "elsewhere":
        del state[f"{ours}.positional_embedding"]
    save_file(state, tmp_path / "model.safetensors")
    found = build_sam(read_sam(tmp_path / "model.safetensors"), "").state_dict()
    expected = build_sam(read_sam(file), "").state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_incomplete_file(original: State, tmp_path: Path) -> None:
    name = "mask_decoder.iou_token.weight"
    torch.save({key: value for key, value in original.items() if key != name}, tmp_path / "sam.pth")
    with pytest.raises(TerralexError, match=rf"sam\.pth does not fit the model: it lacks {name}"):
        build_sam(read_sam(tmp_path / "sam.pth"), str(tmp_path / "sam.pth"))


def test_no_sam(tmp_path: Path) -> None:
    torch.save({"visual.conv1.weight": torch.ones(2, 2)}, tmp_path / "clip.pt")
    with pytest.raises(TerralexError, match=r"clip\.pt holds no weights of SAM.*sam_vit_h_4b8939\.pth"):
        read_sam(tmp_path / "clip.pt")


def test_no_trunk_in_the_file(file: Path) -> None:
    with pytest.raises(TerralexError, match=r"lacks vision_encoder\.pos_embed"):
        SamRefiner.from_checkpoint(file)


def test_absent_weights_name_the_file_and_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path))
    with pytest.raises(TerralexError, match=r"sam_vit_h_4b8939\.pth.*facebook/sam-vit-huge") as caught:
        locate_sam(offline=True)
    assert str(hand_folder(SAM_NAME)) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["sam_vit_h_4b8939.pth", "model.safetensors"])
def test_weights_put_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path))
    hand_folder(SAM_NAME).mkdir(parents=True)
    (hand_folder(SAM_NAME) / name).touch()
    assert locate_sam(offline=True) == hand_folder(SAM_NAME) / name


@pytest.fixture(scope="module")
def with_trunk(original: State, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sam, Path]:
    """A trunk of three narrow layers, the second of which sees everything; and a file of original names."""
    vision = {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "global_attn_indexes": [1],
        "mlp_dim": 64,
    }
    config = SamConfig(vision_config=vision, mask_decoder_config={"layer_norm_eps": 1e-5})
    for part in (config, config.vision_config, config.mask_decoder_config):
        part._attn_implementation = "eager"
    sam = Sam(config, trunk=True).eval()
    sam.requires_grad_(False)
    for seed, parameter in enumerate(sam.parameters()):
        parameter.copy_(0.2 * made(*parameter.shape, seed=seed))
    state = {
        name: tensor.clone()
        for name, tensor in sam.state_dict().items()
        if name.startswith("vision_encoder.") and ".neck." not in name
    }
    old = {name: tensor for name, tensor in original.items() if not name.endswith("neck.0.weight")}
    old["image_encoder.neck.0.weight"] = made(256, 16, 1, 1)
    for name, tensor in state.items():
        name = name.replace("vision_encoder.", "image_encoder.").replace(".layers.", ".blocks.")
        old[name.replace(".layer_norm", ".norm").replace("patch_embed.projection", "patch_embed.proj")] = (
            tensor
        )
    path = tmp_path_factory.mktemp("trunk") / "sam.pth"
    torch.save(old, path)
    return sam, path


def test_own_trunk(with_trunk: tuple[Sam, Path]) -> None:
    """Depth, heads and windows are read from the shapes; the picture is at the top left, zeros beyond."""
    sam, path = with_trunk
    found = build_sam(read_sam(path), str(path), trunk=True)
    sam.vision_encoder.get_submodule("neck").load_state_dict(
        found.vision_encoder.get_submodule("neck").state_dict()
    )
    image = torch.rand(3, 30, 41, generator=torch.Generator().manual_seed(0))
    embedding, frame = SamEmbedder(found)(image)
    assert frame == (749, 1024)
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    pixels = torch.zeros(1, 3, 1024, 1024)
    large = torch.nn.functional.interpolate(image[None], size=frame, mode="bilinear", antialias=True)
    pixels[:, :, :749] = (255 * large - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(embedding, sam.encode(pixels), atol=1e-4, rtol=1e-4)


def test_the_eye_needs_the_trunk(sam: Sam) -> None:
    with pytest.raises(ValueError, match="without its trunk"):
        SamEmbedder(sam)
