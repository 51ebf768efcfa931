"""Minari datasets that are not here yet: from Minari's remote, or from a web server that holds the folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from recheck.errors import DatasetError
from recheck.files import put_in_place, temporary_folder

from algos.datasets.downloads import download

_SAFE_ID = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")


@contextmanager
def _datasets_path(root: Path) -> Iterator[None]:
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(root.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = before


def fetch(minari_id: str, root: Path, urls: Sequence[str] = ()) -> Path:
    """Bring a dataset into `root` unless it is there.

    Args:
        minari_id: the dataset's id.
        root: as MINARI_DATASETS_PATH.
        urls: of servers that hold the dataset's folder (with `data/` in it); without any, Minari's remote
            (MINARI_REMOTE) is asked.

    Returns:
        The folder with its metadata.json.

    Raises:
        DatasetError: it could not be fetched; nothing of it is kept.
    """
    if not _SAFE_ID.match(minari_id):
        raise DatasetError(f"{minari_id!r} is not a Minari id, which is of the form namespace/name-v0.")
    folder = root / minari_id
    if _is_complete(folder):
        return folder / "data"
    # A Minari root of its own, since Minari writes to <root>/<id>; its last part becomes `folder`.
    with temporary_folder(folder, DatasetError) as other_root:
        if urls:
            _from_servers(minari_id, urls, other_root / minari_id / "data")
        else:
            _from_remote(minari_id, other_root)
        if not _is_complete(other_root / minari_id):
            raise DatasetError(f"Minari's remote gave no data for {minari_id}.")
        try:
            put_in_place(other_root / minari_id, folder, DatasetError)
        except DatasetError:
            # Another process was faster; its copy is complete.
            if not _is_complete(folder):
                raise
    return folder / "data"


def _is_complete(folder: Path) -> bool:
    return (folder / "data" / "metadata.json").is_file()


def _from_remote(minari_id: str, partial: Path) -> None:
    import minari

    try:
        with _datasets_path(partial):
            minari.download_dataset(minari_id)
    except DatasetError:
        raise
    except Exception as error:  # whatever the remote's client raises: one message for the user
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(
            f"{minari_id} could not be fetched from Minari's remote ({reason}); download it elsewhere "
            "(`minari download`) and give the folder that holds it as data_folder= or path."
        ) from None


def _from_servers(minari_id: str, urls: Sequence[str], data: Path) -> None:
    """Fetch the metadata, and then the files that its format has."""
    reasons = []
    for url in urls:
        for base in (f"{url.rstrip('/')}/data", url.rstrip("/"), f"{url.rstrip('/')}/{minari_id}/data"):
            try:
                download([f"{base}/metadata.json"], data / "metadata.json", check=_check_json)
                _fetch_files(base, data)
                return
            except DatasetError as error:
                reasons.append(str(error).partition("; fetch it")[0])
                shutil.rmtree(data, ignore_errors=True)
    raise DatasetError(
        f"{minari_id} could not be fetched ({'; '.join(dict.fromkeys(reasons))}); give the folder that holds "
        "it as data_folder= or path."
    )


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise DatasetError(f"{path} is not valid JSON.") from None


def _fetch_files(base: str, data: Path) -> None:
    metadata = json.loads((data / "metadata.json").read_text(encoding="utf-8"))
    form = metadata.get("data_format") if isinstance(metadata, dict) else None
    if form == "hdf5":
        download([f"{base}/main_data.hdf5"], data / "main_data.hdf5")
    elif form in ("arrow", "parquet"):
        for number in range(int(metadata.get("total_episodes", 0))):
            for name in ("metadata.json", f"part-0.{form}"):
                download([f"{base}/{number}/{name}"], data / str(number) / name)
    else:
        raise DatasetError(
            f"{base}/metadata.json names the data_format {form!r}; known are hdf5, arrow, parquet."
        )
