"""Video in, clips out: recording CoinRun and reading any Hugging Face dataset of video."""

from .coinrun import record
from .video_dataset import VideoDataset

__all__ = ["VideoDataset", "record"]
