"""SAM's prompt encoder and mask decoder as formulas, on weights under their original names."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH, HIDDEN, HEADS = 256, 2048, 8


def shapes() -> dict[str, tuple[int, ...]]:
    """The published names and shapes of all but the trunk."""
    found: dict[str, tuple[int, ...]] = {
        "image_encoder.neck.0.weight": (256, 1280, 1, 1),
        "image_encoder.neck.1.weight": (256,),
        "image_encoder.neck.1.bias": (256,),
        "image_encoder.neck.2.weight": (256, 256, 3, 3),
        "image_encoder.neck.3.weight": (256,),
        "image_encoder.neck.3.bias": (256,),
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, 128),
        "prompt_encoder.not_a_point_embed.weight": (1, 256),
        "prompt_encoder.no_mask_embed.weight": (1, 256),
        "mask_decoder.iou_token.weight": (1, 256),
        "mask_decoder.mask_tokens.weight": (4, 256),
    }
    for point in range(4):
        found[f"prompt_encoder.point_embeddings.{point}.weight"] = (1, 256)
    layers: dict[str, tuple[int, ...]] = {
        "prompt_encoder.mask_downscaling.0": (4, 1, 2, 2),
        "prompt_encoder.mask_downscaling.1": (4,),
        "prompt_encoder.mask_downscaling.3": (16, 4, 2, 2),
        "prompt_encoder.mask_downscaling.4": (16,),
        "prompt_encoder.mask_downscaling.6": (256, 16, 1, 1),
        "mask_decoder.output_upscaling.1": (64,),
        "mask_decoder.transformer.norm_final_attn": (256,),
        **_attention("mask_decoder.transformer.final_attn_token_to_image", 128),
        **_mlp("mask_decoder.iou_prediction_head", 4),
    }
    for mask in range(4):
        layers |= _mlp(f"mask_decoder.output_hypernetworks_mlps.{mask}", 32)
    for block in range(2):
        name = f"mask_decoder.transformer.layers.{block}"
        layers |= _attention(f"{name}.self_attn", 256)
        layers |= _attention(f"{name}.cross_attn_token_to_image", 128)
        layers |= _attention(f"{name}.cross_attn_image_to_token", 128)
        layers |= {f"{name}.mlp.lin1": (HIDDEN, 256), f"{name}.mlp.lin2": (256, HIDDEN)}
        layers |= {f"{name}.norm{number}": (256,) for number in range(1, 5)}
    for name, shape in layers.items():
        found |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name, (before, after) in {"0": (256, 64), "3": (64, 32)}.items():
        found[f"mask_decoder.output_upscaling.{name}.weight"] = (before, after, 2, 2)
        found[f"mask_decoder.output_upscaling.{name}.bias"] = (after,)
    return found


def _attention(name: str, inner: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}_proj": (inner, 256) for part in "qkv"} | {f"{name}.out_proj": (256, inner)}


def _mlp(name: str, out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.layers.{number}": (256 if number < 2 else out, 256) for number in range(3)}


class PlainSam:
    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = weights

    def neck(self, features: Tensor) -> Tensor:
        w = self.weights
        features = F.pad(features, (0, 64 - features.shape[3], 0, 64 - features.shape[2]))
        features = self.norm_maps(
            F.conv2d(features, w["image_encoder.neck.0.weight"]), "image_encoder.neck.1"
        )
        features = F.conv2d(features, w["image_encoder.neck.2.weight"], padding=1)
        return self.norm_maps(features, "image_encoder.neck.3")

    def decode(
        self, embedding: Tensor, point: Tensor, box: Tensor, mask: Tensor, as_published: bool = False
    ) -> tuple[Tensor, Tensor]:
        """One prompt: logits (256, 256) and quality ()."""
        w = self.weights
        corners = torch.cat([point[None], box.reshape(2, 2)])
        kinds = torch.cat([w[f"prompt_encoder.point_embeddings.{kind}.weight"] for kind in (1, 2, 3)])
        prompts = self.places((corners + 0.5) / 1024) + kinds
        first = torch.cat([w["mask_decoder.iou_token.weight"], w["mask_decoder.mask_tokens.weight"], prompts])
        centres = (torch.arange(64) + 0.5) / 64
        grid = torch.stack([centres.expand(64, 64), centres[:, None].expand(64, 64)], dim=-1)
        where = self.places(grid).reshape(4096, WIDTH)
        image = (embedding + self.dense(mask, as_published))[0].flatten(1).T
        tokens = first
        for block in range(2):
            name = f"mask_decoder.transformer.layers.{block}"
            asked = tokens if block == 0 else tokens + first
            attended = self.attention(asked, asked, tokens, f"{name}.self_attn")
            tokens = self.norm(attended if block == 0 else tokens + attended, f"{name}.norm1")
            seen = self.attention(tokens + first, image + where, image, f"{name}.cross_attn_token_to_image")
            tokens = self.norm(tokens + seen, f"{name}.norm2")
            inner = self.linear(self.linear(tokens, f"{name}.mlp.lin1").relu(), f"{name}.mlp.lin2")
            tokens = self.norm(tokens + inner, f"{name}.norm3")
            told = self.attention(image + where, tokens + first, tokens, f"{name}.cross_attn_image_to_token")
            image = self.norm(image + told, f"{name}.norm4")
        name = "mask_decoder.transformer.final_attn_token_to_image"
        tokens = tokens + self.attention(tokens + first, image + where, image, name)
        tokens = self.norm(tokens, "mask_decoder.transformer.norm_final_attn")
        chosen = self.mlp(tokens[1], "mask_decoder.output_hypernetworks_mlps.0")
        logits = torch.einsum("c,chw->hw", chosen, self.enlarged(image.T.reshape(1, WIDTH, 64, 64))[0])
        return logits, self.mlp(tokens[0], "mask_decoder.iou_prediction_head")[0]

    def places(self, at: Tensor) -> Tensor:
        matrix = self.weights["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"]
        angles = 2 * math.pi * ((2 * at - 1) @ matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def dense(self, mask: Tensor, as_published: bool) -> Tensor:
        """As published: of a mask (1, 256, 256), whose rows SAM's norms take for channels."""
        name = "prompt_encoder.mask_downscaling."
        norm = self.norm_second if as_published else self.norm_maps
        maps = mask[None] if as_published else mask[None, None]
        maps = F.gelu(norm(self.convolve(maps, f"{name}0", 2), f"{name}1"))
        maps = F.gelu(norm(self.convolve(maps, f"{name}3", 2), f"{name}4"))
        return self.convolve(maps, f"{name}6", 1).reshape(1, WIDTH, 64, 64)

    def enlarged(self, maps: Tensor) -> Tensor:
        w, name = self.weights, "mask_decoder.output_upscaling."
        maps = F.conv_transpose2d(maps, w[f"{name}0.weight"], w[f"{name}0.bias"], stride=2)
        maps = F.gelu(self.norm_maps(maps, f"{name}1"))
        return F.gelu(F.conv_transpose2d(maps, w[f"{name}3.weight"], w[f"{name}3.bias"], stride=2))

    def attention(self, query: Tensor, key: Tensor, value: Tensor, name: str) -> Tensor:
        q, k, v = (
            self.linear(tokens, f"{name}.{part}_proj").unflatten(1, (HEADS, -1)).transpose(0, 1)
            for tokens, part in ((query, "q"), (key, "k"), (value, "v"))
        )
        mixed = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1) @ v
        return self.linear(mixed.transpose(0, 1).flatten(1), f"{name}.out_proj")

    def mlp(self, x: Tensor, name: str) -> Tensor:
        hidden = self.linear(x, f"{name}.layers.0").relu()
        return self.linear(self.linear(hidden, f"{name}.layers.1").relu(), f"{name}.layers.2")

    def linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def convolve(self, x: Tensor, name: str, stride: int) -> Tensor:
        return F.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], stride=stride)

    def norm(self, x: Tensor, name: str, eps: float = 1e-5) -> Tensor:
        w = self.weights
        return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps)

    def norm_maps(self, maps: Tensor, name: str) -> Tensor:
        return self.norm(maps.movedim(1, -1), name, 1e-6).movedim(-1, 1)

    def norm_second(self, maps: Tensor, name: str) -> Tensor:
        weight, bias = (self.weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        deviation = (maps.var(1, correction=0, keepdim=True) + 1e-6).sqrt()
        return (maps - maps.mean(1, keepdim=True)) / deviation * weight + bias
