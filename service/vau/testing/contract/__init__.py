"""A test for each promise of the port: what every backend owes the service.

In the package of a backend three lines are a test file:

    class TestMine(BackendContract):
        factory = FACTORY
        instance = "resident"

and ``python -m vau.testing.contract mine`` tries an installed one without any file. A
failure ends with the words of the promise that was broken and with where they stand.
"""

import sys
from pkgutil import iter_modules

try:
    import pytest
except ImportError as cause:
    says = (
        "vau.testing.contract needs pytest, which is not installed; pip install 'vau[testing]'"
    )
    if sys.argv[0] == "-m":  # __main__ is looked for in here, and can catch nothing yet
        sys.exit(says)
    raise ImportError(says) from cause
else:
    # A failed assert then shows both of its sides, as it does in a file of tests.
    pytest.register_assert_rewrite(
        *(f"{__name__}.{each.name}" for each in iter_modules(__path__))
    )

from vau.testing.contract.answers import Answers
from vau.testing.contract.costs import Costs
from vau.testing.contract.factories import Factories
from vau.testing.contract.identity import Identity
from vau.testing.contract.independence import Independence
from vau.testing.contract.refusals import Refusals
from vau.testing.contract.slots import Slots
from vau.testing.contract.snapshots import Snapshots
from vau.testing.contract.tiers import Tiers


class BackendContract(
    Factories,
    Identity,
    Tiers,
    Costs,
    Refusals,
    Slots,
    Snapshots,
    Independence,
    Answers,  # pytest collects the last one first, and the rest relies on what it tries
):
    """All of it. Derive from it, and name what is to be tried; see ``subject.Subject``."""
