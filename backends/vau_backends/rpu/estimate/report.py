"""One call in SI units, for a program that would rather count than read.

What a frame takes is in the figures, in the units that people use. Here is the same call as a
whole: actions first, joules second.
"""

from vau.estimate import Value
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.form import chips_for_residency


def chunk_report(found: LaidOut) -> dict[str, Value]:
    """Return what one call of T frames of each of S streams takes, unrounded.

    ``energy_system_j`` is chip and DRAM. What the chip leaks until the next call is beside
    it, for either way of gating, since it is no part of the call.
    """
    account, actions = found.account, found.account.actions
    return {
        "frames": found.ask.chunk_frames,
        "streams": found.ask.streams,
        "cycles_compute": actions.cycles,
        "cycles_stall": account.stall_cycles,
        "time_s": account.latency_s,
        "macs": actions.macs,
        "ops": actions.operations,
        "utilisation": actions.utilisation,
        "energy_core_j": account.core_j,
        "energy_fill_j": dict(account.core_parts)["fill"],
        "energy_dram_j": account.dram_j,
        "energy_system_j": account.system_j,
        "energy_idle_j": account.idle_j(found.period_s),
        "energy_idle_power_gated_j": account.idle_j(found.period_s, power_gated=True),
        "energy_j": dict(account.system_parts),
        "power_core_w": account.core_w,
        "gops": account.operations_per_s / 1e9,
        "gops_per_w_core": account.operations_per_j / 1e9,
        "bytes_dram": actions.dram_bytes,
        "peak_sram_bytes": found.peak_bytes,
        "chips_for_residency": chips_for_residency(found.ask.network),
    }
