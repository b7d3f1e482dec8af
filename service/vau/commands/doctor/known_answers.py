"""What the shipped networks answer to the frames of the consistency check, on every machine.

SHA-256 of the logits, int32, little endian, by digest of the model and arithmetic. A network
that is trained anew has others: tests/test_doctor_engines.py says which.
"""

from typing import Final

KNOWN: Final[dict[tuple[str, str], str]] = {
    (  # munt-1x192
        "sha256:22d6ad87e4326c2b158ae1e0fb8c8999e29ff43937359b48d8973c6890478b17",
        "munt-spec-0/C2",
    ): "c10933211b70fe18cb1648e7d7037204c9fcd7b18bf65b2faf1465dee68e8057",
    (  # munt-1x192
        "sha256:22d6ad87e4326c2b158ae1e0fb8c8999e29ff43937359b48d8973c6890478b17",
        "rpu-spec-0",
    ): "0c284ff55e28be22c3b3f1944e434167c2a3051a265d3b236b0bcb7c36cc2061",
    (  # munt-1x96-mfcc
        "sha256:c362ef825721d785bb80d4945fa46c8a0703e78daffad960dd553adf9713bb2a",
        "munt-spec-0/C1",
    ): "4b18fd91f51352e5d52e37652c37664b8c35c355292f06aadeb53ada7a39fca2",
    (  # munt-1x96-mfcc
        "sha256:c362ef825721d785bb80d4945fa46c8a0703e78daffad960dd553adf9713bb2a",
        "rpu-spec-0",
    ): "3427b0b453fb3d73decb7a93bd2eaf145596f327c3b82d8b353708bf468b726d",
    (  # munt-3x384
        "sha256:99e1efb08cebe8a738a39226d06aff3c21a588bf8fb4c060f1f444ee52da5eda",
        "munt-spec-0/C4",
    ): "bdac786ff8427b6002a480f047eb94985745c19847968cddae9a43690e90c31f",
    (  # munt-3x384
        "sha256:99e1efb08cebe8a738a39226d06aff3c21a588bf8fb4c060f1f444ee52da5eda",
        "rpu-spec-0",
    ): "f23d3d30cb1e6870a307ee124b7f7d9fbef2dfbfbec83b15f84ae36c4f2ab238",
}
