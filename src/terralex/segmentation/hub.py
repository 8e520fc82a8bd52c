"""RADSeg's published object over this package, for programs that have it from `torch.hub`, such as RayFronts.

Names, defaults and shapes are those of the original; `hubconf.py` hands it out. Some defects are mended:
pictures of a batch do not influence each other, sizes need not be multiples of the patch, and a pixel of no
class is none. With `as_published`, labels and refinement are those of the original, for a picture at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.models.dense.encoder import DenseEncoder, whole_patches
from terralex.models.dense.windows import resize
from terralex.models.families.registry import get_family
from terralex.models.loading import load_model, resolve
from terralex.models.prompts import fill, load_templates
from terralex.models.radio import RadioCLIP, with_adaptor
from terralex.models.registry import get_card
from terralex.runtime.device import resolve_device
from terralex.runtime.errors import UsageError
from terralex.segmentation.segmenter import Vocabulary, grid_probabilities, label_picture

if TYPE_CHECKING:
    from terralex.models.model import Model
    from terralex.segmentation.refinement import SamRefiner

_ABSENT = 1e-10  # in place of 0 in one-hot rows, which are divided by their norm elsewhere


class RADSegEncoder:
    """Dense features of pictures in RADIO's space, or probabilities of classes.

    Pictures are float (B, 3, H, W), RGB from 0 to 1.

    Attributes:
        device: Where it computes.
        model: The model.
        encoder: Its dense encoder, an `nn.Module`.
        predict: Whether `encode_image_to_feat_map` gives probabilities of `prompts`.
        prompts: The classes.
        text_embeds: Their vectors (len(prompts), D).
        prediction_thresh: Pixels whose best class is less probable are none of them.
        prompt_denoising_thresh: Classes that nowhere in a picture reach this probability are not in it.
        refiner: With `sam_refinement`: refines outlines.

    `model_version`, `text_query_mode`, `compile`, `amp`, `sam_refinement`, `return_radio_features`: as given.

    Args:
        device: Where to compute; by default a GPU if there is one.
        model_version: RADIO's name of a version, such as ``c-radio_v3-b``, or the path of a container.
            Position tables are resized as RADIO's own hub code does it (`align_corners` off), with which the
            published figures were measured.
        lang_model: The adaptor whose text space is meant.
        return_radio_features: If not, features are in the space of the texts already.
        compile: Compile the image tower.
        amp: Compute in float16 on a GPU.
        predict: See above; needs `classes`.
        classes: Names of classes; an empty first one, which stands for none of them, is left out.
        text_query_mode: "labels": classes go into 80 templates; "prompts": they are texts as they stand.
        prediction_thresh: See above.
        prompt_denoising_thresh: See above.
        scra_scaling: As of `DenseEncoder.for_model`, as are the next three.
        scga_scaling: See there.
        slide_crop: See there.
        slide_stride: See there.
        sam_refinement: With `predict`: refine outlines with SAM.
        sam_ckpt: File of SAM's weights; by default as of `SamRefiner.from_checkpoint`.
        coarse_thresh: As of `RefineSettings`, as are the next three.
        minimal_area: See there.
        sam_mask_coff: See there.
        sam_iou_thresh: See there.
        as_published: Where no class is present, call pixels the first class, and refine with the defects of
            the original; see `RefineSettings`.

    Raises:
        UsageError: A version, adaptor or mode that there is not, or no classes to predict.
        TerralexError: Weights are not on this machine, or damaged.
    """

    def __init__(
        self,
        device: str | None = None,
        model_version: str = "c-radio_v3-b",
        lang_model: str = "siglip2",
        return_radio_features: bool = True,
        compile: bool = False,
        amp: bool = False,
        predict: bool = False,
        classes: Sequence[str] | None = None,
        text_query_mode: str = "labels",
        prediction_thresh: float = 0.0,
        prompt_denoising_thresh: float = 0.5,
        scra_scaling: float = 10.0,
        scga_scaling: float = 10.0,
        slide_crop: int = 336,
        slide_stride: int = 224,
        sam_refinement: bool = False,
        sam_ckpt: str | None = None,
        coarse_thresh: float = 0.10,
        minimal_area: int = 225,
        sam_mask_coff: float = 0.005,
        sam_iou_thresh: float = 0.9,
        as_published: bool = False,
    ) -> None:
        if text_query_mode not in ("labels", "prompts"):
            raise UsageError(f"text_query_mode is labels or prompts, not {text_query_mode!r}")
        self.model = _load(model_version, lang_model, device or "auto", amp=amp)
        self.encoder = DenseEncoder.for_model(
            self.model, scra=scra_scaling, scga=scga_scaling, crop=slide_crop, stride=slide_stride
        )
        if compile:
            self.encoder.tower.compile()
        self.device = self.model.device
        self.model_version, self.text_query_mode = model_version, text_query_mode
        self.compile, self.amp, self.sam_refinement = compile, amp, sam_refinement
        self.return_radio_features, self.predict = return_radio_features, predict
        self.prediction_thresh, self.prompt_denoising_thresh = prediction_thresh, prompt_denoising_thresh
        self.refiner: SamRefiner | None = None
        if sam_refinement:
            from terralex.segmentation.refinement import RefineSettings, SamRefiner

            self.refiner = SamRefiner.from_checkpoint(
                sam_ckpt,
                radio=cast(RadioCLIP, self.model.network).radio,
                scra=scra_scaling,
                settings=RefineSettings(
                    coarse_thresh, minimal_area, sam_mask_coff, sam_iou_thresh, as_published
                ),
                device=self.device,
            )
        self.as_published = as_published
        self.prompts = list(classes or [])
        if self.prompts and not self.prompts[0]:
            self.prompts.pop(0)
        if predict and not self.prompts:
            raise UsageError("predict=True needs the names of classes: pass classes=[...]")
        self.text_embeds: Tensor | None = None
        if self.prompts:
            self.text_embeds = self._embed(self.prompts)

    @property
    def num_classes(self) -> int:
        """Classes, and one more for none of them."""
        return len(self.prompts) + 1

    @property
    def cat_index_to_name(self) -> dict[int, str]:
        """Names by index: 0 is "", none of them."""
        return dict(enumerate(["", *self.prompts]))

    @property
    def cat_name_to_index(self) -> dict[str, int]:
        """As `cat_index_to_name`, turned round."""
        return {name: index for index, name in self.cat_index_to_name.items()}

    def encode_image_to_feat_map(
        self,
        rgb_image: Tensor,
        orig_img_size: tuple[int, int] | None = None,
        return_preds: bool = False,
        ignore_label: bool = True,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Features of pictures; or, with `predict`, what is where.

        Args:
            rgb_image: The pictures.
            orig_img_size: With `predict`: height and width (H0, W0) of the result; by default the pictures'.
            return_preds: With `predict`: also give labels.
            ignore_label: With `predict`: let 0 stand for none of the classes, and count them from 1. If not,
                they count from 0, and the first also stands where there is none.

        Returns:
            float32 (B, C, h, w), h and w about a 16th of the size; or float32 probabilities (B, classes, H0,
            W0), and int64 labels (B, 1, H0, W0) with them on request.
        """
        features = self.encoder(self._condition(rgb_image))
        if not self.predict:
            return features if self.return_radio_features else self._align(features)
        size = orig_img_size or (rgb_image.shape[2], rgb_image.shape[3])
        grids = self._grid_probabilities(features, size)
        probabilities = self._full(rgb_image, grids, size)
        if ignore_label:
            probabilities = F.pad(probabilities, (0, 0, 0, 0, 1, 0))
        if not return_preds:
            return probabilities
        threshold = self.prediction_thresh if ignore_label else 0.0
        labels = self._labels(rgb_image, grids, size, threshold)
        return probabilities, (labels + 1 if ignore_label else labels.clamp(min=0))[:, None]

    @torch.inference_mode()
    def encode_image_to_vector(self, rgb_image: Tensor) -> Tensor:
        """One vector (B, C) a picture; in the space of the texts (B, D) without `return_radio_features`."""
        network = cast(RadioCLIP, self.model.network)
        pixels = self._condition(rgb_image).to(self.model.dtype)
        pixels = resize(pixels, self.get_nearest_size(pixels.shape[2], pixels.shape[3]))
        summary = network.radio.encode(pixels)[0][:, network.head.slot]
        return (summary if self.return_radio_features else network.align(summary)).float()

    def encode_image_to_feat_map_and_vector(self, rgb_image: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, C, h, w) or probabilities, and vectors, of pictures."""
        features = self.encode_image_to_feat_map(rgb_image)
        return cast(Tensor, features), self.encode_image_to_vector(rgb_image)

    def align_spatial_features_with_language(self, features: Tensor, onehot: bool = True) -> Tensor:
        """Features (B, C, h, w) in the space of the texts (B, D, h, w), if they are not there already.

        Args:
            features: As of `encode_image_to_feat_map`.
            onehot: With `predict`: they are probabilities already, which stay as they are.
        """
        is_aligned = (self.predict and onehot) or not self.return_radio_features
        return features if is_aligned else self._align(features)

    def align_global_features_with_language(self, features: Tensor) -> Tensor:
        """Vectors (B, C) in the space of the texts (B, D), if they are not there already."""
        return self.encoder.align(features).float() if self.return_radio_features else features

    def encode_labels(self, labels: Sequence[str], onehot: bool = True) -> Tensor:
        """Vectors of labels in templates.

        Args:
            labels: The labels.
            onehot: With `predict`: give rows of a single 1, by which probabilities are looked up.

        Returns:
            float32 (T, D), or (T, num_classes) of rows of a single 1.

        Raises:
            UsageError: Rows are asked for a label that is not among `prompts`.
        """
        return self._one_hot(labels) if self.predict and onehot else self._embed_labels(labels)

    def encode_prompts(self, prompts: Sequence[str], onehot: bool = True) -> Tensor:
        """Vectors (T, D) of texts as they stand; else as `encode_labels`."""
        return self._one_hot(prompts) if self.predict and onehot else self._embed_prompts(prompts)

    def to(self, device: torch.device | str) -> RADSegEncoder:
        """Move everything to a device."""
        self.device = self.model.device = resolve_device(str(device))
        self.model.network.to(self.device)
        self.encoder.to(self.device)
        if self.refiner is not None:
            self.refiner.sam.to(self.device)
        if self.text_embeds is not None:
            self.text_embeds = self.text_embeds.to(self.device)
        return self

    def eval(self) -> RADSegEncoder:
        """Nothing: it is never in training mode."""
        return self

    def insert_labels_into_templates(self, labels: Sequence[str]) -> list[list[str]]:
        """The prompts of each label."""
        templates = load_templates(self.model.card.text.templates)
        return [fill(templates, label) for label in labels]

    def get_nearest_size(self, h: int, w: int) -> tuple[int, int]:
        """The nearest height and width of whole patches."""
        return whole_patches(h, w, self.encoder.patch_size)

    def is_compatible_size(self, h: int, w: int) -> bool:
        """Whether a height and a width are of whole patches."""
        return self.get_nearest_size(h, w) == (h, w)

    def _condition(self, rgb_image: Tensor) -> Tensor:
        spec = self.model.card.input
        mean, std = (torch.tensor(values, device=self.device) for values in (spec.mean, spec.std))
        return (rgb_image.to(self.device, torch.float32) - mean[:, None, None]) / std[:, None, None]

    def _align(self, features: Tensor) -> Tensor:
        places = features.movedim(1, -1)
        aligned = self.encoder.align(places.flatten(0, -2)).float()
        return aligned.reshape(*places.shape[:-1], -1).movedim(-1, 1)

    def _full(self, images: Tensor, grids: Tensor, size: tuple[int, int]) -> Tensor:
        """Probabilities (B, K, *size)."""
        if self.refiner is None:
            return F.interpolate(grids, size=size, mode="bilinear", align_corners=False)
        refine = self.refiner.probabilities
        return torch.stack([refine(image, one, size) for image, one in self._pairs(images, grids)])

    def _labels(self, images: Tensor, grids: Tensor, size: tuple[int, int], threshold: float) -> Tensor:
        """Labels (B, *size), -1 where the best class, unrefined, is less probable than that."""
        maps = [
            label_picture(grid, size, image, threshold=threshold, refiner=self.refiner)
            for image, grid in self._pairs(images, grids)
        ]
        labels = torch.stack([picture.labels for picture in maps])
        return labels.clamp_(min=0) if self.as_published and threshold <= 0 else labels

    def _pairs(self, images: Tensor, grids: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(images.to(self.device, torch.float32), grids, strict=True)

    def _grid_probabilities(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        if self.text_embeds is None:
            raise UsageError("there are no classes to predict: pass classes=[...]")
        if self._is_one_hot(
            self.text_embeds
        ):  # of encode_labels with `predict`, which are no vectors of texts
            self.text_embeds = self._embed(self.prompts)
        phrases = F.normalize(self.text_embeds.to(self.device, torch.float32), dim=-1)
        vocabulary = Vocabulary(tuple(self.prompts), phrases, scale=self.model.logit_scale)
        return grid_probabilities(self.encoder, vocabulary, features, self.prompt_denoising_thresh, size)

    def _embed(self, names: Sequence[str]) -> Tensor:
        return self._embed_labels(names) if self.text_query_mode == "labels" else self._embed_prompts(names)

    def _embed_labels(self, labels: Sequence[str]) -> Tensor:
        return self.model.class_weights(labels)

    def _embed_prompts(self, prompts: Sequence[str]) -> Tensor:
        return self.model.encode_texts(prompts)

    def _one_hot(self, names: Sequence[str]) -> Tensor:
        if unknown := [name for name in names if name not in self.cat_name_to_index]:
            raise UsageError(
                f"{unknown[0]!r} is not among the prompts: set them first, as in .prompts = labels"
            )
        rows = torch.full((len(names), self.num_classes), _ABSENT, device=self.device)
        for row, name in zip(rows, names, strict=True):
            row[self.cat_name_to_index[name]] = 1
        return rows

    def _is_one_hot(self, rows: Tensor) -> bool:
        return rows.shape[1] == self.num_classes and bool(((rows == 1) | (rows == _ABSENT)).all())


def _load(version: str, adaptor: str, device: str, *, amp: bool) -> Model:
    """A version of RADIO, or a container of one's own, whose form is read from it."""
    is_file = Path(version).is_file()
    name = "c-radio-v3-b" if is_file else version.replace("_", "-")
    card = with_adaptor(get_card(name), adaptor)
    if card.family != "radio":
        raise UsageError(f"{version} is no version of RADIO")
    card = get_family(card.family).as_published(card)
    chosen = resolve_device(device)
    return load_model(
        version if is_file else str(resolve(name).weights),
        card=card,
        device=str(chosen),
        precision="float16" if amp and chosen.type == "cuda" else "float32",
    )
