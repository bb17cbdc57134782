"""Whatever is drawn: films to keep, rows of frames, and curves."""

from .films import gif_note, to_gif, to_mp4, to_strip

__all__ = ["gif_note", "to_gif", "to_mp4", "to_strip"]
