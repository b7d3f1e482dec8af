"""The small networks of ``vau.testing``, by the name under which our tests know them."""

from vau.testing.models import TINY_FRONTEND as TINY_FRONTEND
from vau.testing.models import TINY_PHONEMES as TINY_PHONEMES
from vau.testing.models import tiny_model as tiny_model
from vau.testing.models import write_tiny_bundle as write_tiny_bundle
