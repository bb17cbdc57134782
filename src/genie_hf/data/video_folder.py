"""Files of video: a folder of them, those that match a pattern, or one."""

import mimetypes
from pathlib import Path

from datasets import Dataset, DatasetDict, Video

from .place import Place, by_split
from .source import Source

VIDEO_SUFFIXES = set(
    ".3g2 .3gp .apng .asf .avi .f4v .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .nut .ogv .ts .vob .webm "
    ".webp .wmv .y4m".split()
)


class VideoFolder(Source):
    """Files of video, of which subfolders named train, test or validation are splits."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return bool(place.files_of(VIDEO_SUFFIXES))

    @property
    def used(self) -> dict[Path, Path]:
        return self.place.files_of(VIDEO_SUFFIXES)

    def rows(self) -> DatasetDict:
        splits = by_split({path: part.parent for path, part in self.used.items()})
        return DatasetDict(
            {
                split: Dataset.from_dict({"video": list(map(str, paths))}).cast_column("video", Video(decode=False))
                for split, paths in splits.items()
            }
        )


def looks_like_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES or (mimetypes.guess_type(path)[0] or "").startswith("video/")
