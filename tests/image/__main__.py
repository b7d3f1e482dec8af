"""``./run image``, with mounts of its own: however it ends, nothing stays mounted.

Its root is a mount point, which buildah insists on and a chroot is not.
"""

import os
import sys
from typing import Final

from tests.image.look import FOLDER

IN_ITS_ROOT: Final = """\
mount --make-rprivate / 2>/dev/null # fails in a chroot, which has what its maker chose
mount --rbind / "$0" && exec chroot "$0" "$@"
"""

if __name__ == "__main__":
    root = FOLDER / "root"
    root.mkdir(parents=True, exist_ok=True)
    apart = [
        "unshare",
        "--mount",
        "--propagation=unchanged",
        "sh",
        "-c",
        IN_ITS_ROOT,
        str(root),
    ]
    os.execvp(apart[0], [*apart, sys.executable, "-m", "tests.image.look", *sys.argv[1:]])
