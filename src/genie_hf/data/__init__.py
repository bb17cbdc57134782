"""Video in, clips out: recording CoinRun and reading any Hugging Face dataset of video."""

from .coinrun import record
from .place import DataSource
from .sources import HELD_OUT
from .video_dataset import VideoDataset, check_disjoint

__all__ = ["HELD_OUT", "DataSource", "VideoDataset", "check_disjoint", "record"]
