"""Videos in zip archives, which are unpacked once."""

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from datasets import Dataset, DatasetDict, Video

from .cache import cache_folder, fingerprint
from .place import Place, by_split, visible_files
from .source import Source
from .video_folder import VIDEO_SUFFIXES


class ZipFiles(Source):
    """Archives of videos. Names of splits count in the archive's own name as in that of a folder in it."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return bool(place.files_of({".zip"}))

    @property
    def used(self) -> dict[Path, Path]:
        return self.place.files_of({".zip"})

    def rows(self) -> DatasetDict:
        parts = {}
        for archive, part in self.used.items():
            folder = unpacked(archive)
            videos = [path for path in visible_files(folder) if path.suffix.lower() in VIDEO_SUFFIXES]
            if not videos:
                raise ValueError(f"{archive.name} holds no videos")
            parts |= {path: part.with_suffix("") / path.relative_to(folder).parent for path in videos}
        return DatasetDict(
            {
                split: Dataset.from_dict({"video": list(map(str, paths))}).cast_column("video", Video(decode=False))
                for split, paths in by_split(parts).items()
            }
        )


def unpacked(archive: Path) -> Path:
    """The folder, in the cache of the datasets library, with what the archive holds as it is now."""
    folder = cache_folder() / "unpacked" / fingerprint([archive])[:32]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
        try:
            with zipfile.ZipFile(archive) as file:
                file.extractall(unfinished)  # never outside of the folder
            os.replace(unfinished, folder)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{archive.name} is damaged: {error}") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
