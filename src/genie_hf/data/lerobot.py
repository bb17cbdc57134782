"""LeRobot datasets, which are recognised and refused."""

from datasets import DatasetDict

from .place import Place
from .source import Source


class LeRobot(Source):
    """A LeRobot dataset, or a folder within one."""

    @staticmethod
    def recognises(place: Place) -> bool:
        parents = [place.folder, *place.folder.absolute().parents[:3]]
        return any((parent / "meta" / "info.json").exists() for parent in parents)

    def rows(self) -> DatasetDict:
        raise ValueError(
            "it is a LeRobot dataset, which stores several episodes in one video file: save each episode as a "
            "video of its own"
        )
