"""How the page looks: colours, spaces and letters, light and dark, with fonts of the reader's own machine."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr

from terralex.segmentation.scenes.colours import class_colours

_TEXT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_CODE = ("ui-monospace", "SFMono-Regular", "Consolas", "Liberation Mono", "monospace")

_GREEN = gr.themes.Color(
    *("#f1f7f3", "#dcebe1", "#b9d8c5", "#8ed3ab", "#56a67d", "#3a8460", "#2c6e4e", "#235940"),
    *("#1b4632", "#133425", "#0b2218"),
    name="leaf",
)
_GREY = gr.themes.Color(
    *("#faf9f5", "#f3f1ea", "#dfdcd2", "#c6c8bf", "#9daba2", "#76837b", "#5b665f", "#3c4741"),
    *("#2a352f", "#18201c", "#0f1512"),
    name="stone",
)


def theme() -> gr.themes.Base:
    """The theme of the page."""
    base = gr.themes.Base(
        primary_hue=_GREEN,
        secondary_hue=_GREEN,
        neutral_hue=_GREY,
        radius_size=gr.themes.sizes.radius_lg,
        font=_TEXT,
        font_mono=_CODE,
    )
    return base.set(
        body_background_fill="#f6f4ee",
        body_background_fill_dark="#0f1512",
        body_text_color="#1d2520",
        body_text_color_dark="#e7ece6",
        body_text_color_subdued="#5b665f",
        body_text_color_subdued_dark="#a9b6ae",
        background_fill_primary="#fffefb",
        background_fill_primary_dark="#18201c",
        background_fill_secondary="#f6f4ee",
        background_fill_secondary_dark="#131a17",
        block_background_fill="#fffefb",
        block_background_fill_dark="#18201c",
        block_border_color="#dfdcd2",
        block_border_color_dark="#2a352f",
        block_label_background_fill="#fffefb",
        block_label_background_fill_dark="#18201c",
        block_label_text_color="#4b564f",
        block_label_text_color_dark="#b7c3bb",
        block_title_text_color="#1d2520",
        block_title_text_color_dark="#e7ece6",
        block_title_text_weight="600",
        block_info_text_color="#5b665f",
        block_info_text_color_dark="#a9b6ae",
        block_shadow="none",
        input_background_fill="#ffffff",
        input_background_fill_dark="#101713",
        input_border_color="#b9b8ad",
        input_border_color_dark="#46544c",
        input_placeholder_color="#6b756f",
        input_placeholder_color_dark="#93a099",
        button_primary_background_fill="#2c6e4e",
        button_primary_background_fill_hover="#235940",
        button_primary_background_fill_dark="#8ed3ab",
        button_primary_background_fill_hover_dark="#a9dfbf",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#0b2218",
        button_secondary_background_fill="#ecebe3",
        button_secondary_background_fill_hover="#dfdcd2",
        button_secondary_background_fill_dark="#26312b",
        button_secondary_background_fill_hover_dark="#313e37",
        button_secondary_text_color="#1d2520",
        button_secondary_text_color_dark="#e7ece6",
        slider_color="#2c6e4e",
        slider_color_dark="#8ed3ab",
        checkbox_background_color_selected="#2c6e4e",
        checkbox_background_color_selected_dark="#56a67d",
        checkbox_label_background_fill_selected="#dcebe1",
        checkbox_label_background_fill_selected_dark="#20382c",
        checkbox_label_text_color_selected="#133425",
        checkbox_label_text_color_selected_dark="#dcebe1",
        link_text_color="#235940",
        link_text_color_dark="#8ed3ab",
        loader_color="#2c6e4e",
        loader_color_dark="#8ed3ab",
    )


def _token_colours() -> str:
    """The chips of words in the colours of their classes on the map."""
    return "".join(
        f".tx-words .token:nth-of-type({n}) {{ --c: rgb{colour}; }}\n"
        for n, colour in enumerate(class_colours(24), 1)
    )


CSS = files("terralex.app.demo").joinpath("page.css").read_text(encoding="utf-8") + _token_colours()
HEAD = '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
