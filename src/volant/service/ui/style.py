"""The style of the web UI: system fonts, and a few rules of CSS."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).with_name("assets")
FONTS = ("system-ui", "sans-serif")
ICON = (
    '<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22'
    '%3E%3Cpath fill=%22%232563eb%22 d=%22M2 2l6 12 6-12h-3l-3 7-3-7z%22/%3E%3C/svg%3E">'
)
MONO = ("ui-monospace", "monospace")


def theme() -> gr.themes.Base:
    """Return Gradio's theme without fonts to download, and with the contrast that WCAG 2.2 requires (4.5:1)."""
    default = gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONO)
    return default.set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
    )


def css() -> str:
    """Return the CSS rules."""
    return (ASSETS / "style.css").read_text(encoding="utf-8")


def rows_js() -> str:
    """Return the JavaScript of the buttons in rows."""
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in ("rows.js", "parts.js"))
