"""Datasets of the Hugging Face library: in memory, on the Hub, saved to disk, or files that it can load."""

import glob
import os
from pathlib import Path

from datasets import Dataset, DatasetDict, load_dataset, load_from_disk
from huggingface_hub import DatasetCard

from .cache import own_cache
from .place import Place, by_split
from .source import Source
from .video_folder import VIDEO_SUFFIXES

BYTES_A_WORKER = 2**25  # of files to unpack: less is not worth a process


class InMemory(Source):
    """A `datasets.Dataset` or `DatasetDict`."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return place.given is not None

    def rows(self) -> Dataset | DatasetDict:
        return self.place.given


class OnHub(Source):
    """An id on the Hub: what is not on this machine."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return place.files is None

    def rows(self) -> DatasetDict:
        return load_dataset(self.place.name, self.place.config)


class SavedToDisk(Source):
    """What `save_to_disk` has written."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return any((place.folder / marker).exists() for marker in ("state.json", "dataset_dict.json"))

    def rows(self) -> Dataset | DatasetDict:
        return load_from_disk(self.place.folder)


class AnyFiles(Source):
    """What else the library makes something of."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return True

    def rows(self) -> DatasetDict:
        return load_dataset(str(self.place.folder), self.place.config, cache_dir=own_cache(self.place.files))


class WithConfigurations(AnyFiles):
    """A folder whose card lists configurations, or of which one was asked for."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return bool(place.config) or (not place.notes and has_configs(place.folder))


class ParquetFiles(Source):
    """Rows in Parquet, as recordings are; beside videos a file named metadata only describes them."""

    @staticmethod
    def recognises(place: Place) -> bool:
        shards = place.files_of({".parquet"})
        describe = place.files_of(VIDEO_SUFFIXES) and all(path.stem == "metadata" for path in shards)
        return bool(shards) and not describe

    @property
    def used(self) -> dict[Path, Path]:
        return self.place.files_of({".parquet"})

    def rows(self) -> DatasetDict:
        return load_files("parquet", self.used)


class TarFiles(Source):
    """Videos in archives, as WebDataset has them, compressed or not."""

    @staticmethod
    def recognises(place: Place) -> bool:
        return bool(archives(place))

    @property
    def used(self) -> dict[Path, Path]:
        return archives(self.place)

    def rows(self) -> DatasetDict:
        return load_files("webdataset", self.used)


def archives(place: Place) -> dict[Path, Path]:
    return {
        path: part for path, part in place.files.items() if path.name.lower().endswith((".tar", ".tar.gz", ".tgz"))
    }


def has_configs(folder: Path) -> bool:
    card = folder / "README.md"
    return card.exists() and bool(DatasetCard.load(card, ignore_metadata_errors=True).data.get("configs"))


def load_files(kind: str, files: dict[Path, Path], **options) -> DatasetDict:
    data_files = {split: [glob.escape(str(path)) for path in paths] for split, paths in by_split(files).items()}
    size = sum(path.stat().st_size for path in files)
    workers = min(len(files), os.cpu_count() or 1, size // BYTES_A_WORKER) or None
    return load_dataset(kind, data_files=data_files, cache_dir=own_cache(files), num_proc=workers, **options)
