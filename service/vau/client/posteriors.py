"""Packed posteriors back to arrays."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import VauError
from vau.v1 import speech_pb2 as pb

DTYPES: Final[dict[int, str]] = {
    pb.POSTERIOR_ENCODING_UNSPECIFIED: "<f4",
    pb.POSTERIOR_ENCODING_FLOAT32: "<f4",
    pb.POSTERIOR_ENCODING_FLOAT16: "<f2",
    pb.POSTERIOR_ENCODING_RAW_INT32: "<i4",
}

Values = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.int32]


def posteriors_array(posteriors: pb.Posteriors) -> Values:
    """Return the values, shape (frame_count, width), in the type they were sent as.

    RAW_INT32 comes as it is: times ``2.0 ** -fraction_bits`` it is the logit.
    Raises VauError for an encoding that is newer than this client, ValueError if the bytes
    are not of that shape.
    """
    if posteriors.encoding not in DTYPES:
        raise VauError(
            f"posteriors.encoding: {posteriors.encoding} is unknown to this client, as if "
            "the server were newer; update the client, or ask for POSTERIOR_ENCODING_FLOAT32",
            field="posteriors.encoding",
            found=posteriors.encoding,
        )
    values: Values = np.frombuffer(posteriors.values, DTYPES[posteriors.encoding])
    return values.reshape(posteriors.frame_count, posteriors.width)


def class_ids_array(posteriors: pb.Posteriors) -> NDArray[np.uint16]:
    """Return the class of each value, shape (frame_count, width).

    Without top-k the bytes hold none: every row is then 0, 1, 2, ...
    """
    shape = (posteriors.frame_count, posteriors.width)
    if not posteriors.class_ids:
        return np.broadcast_to(np.arange(posteriors.width, dtype=np.uint16), shape)
    return np.frombuffer(posteriors.class_ids, "<u2").reshape(shape)
