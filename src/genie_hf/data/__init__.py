"""Video in, clips out: recording CoinRun and reading any Hugging Face dataset of video."""

from .coinrun import record
from .sources import HELD_OUT, DataSource
from .video_dataset import VideoDataset, check_disjoint

__all__ = ["HELD_OUT", "DataSource", "VideoDataset", "check_disjoint", "record"]
