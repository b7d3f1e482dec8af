"""Figures in Grafana's units, as text."""

from typing import Final

from deploy.dashboards.panel import Unit

SYMBOLS: Final[dict[Unit, str]] = {
    "short": "",
    "s": "s",
    "joule": "J",
    "watt": "W",
    "cps": "/s",
    "decbytes": "B",
    "hertz": "Hz",
}
PREFIXES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"))
SMALLEST: Final = "n"
DURATIONS: Final = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"))


def shown(value: float, unit: Unit) -> str:
    """Return a figure with three digits, a prefix and its unit."""
    if unit == "percentunit":
        return f"{_three(100 * value)} %"
    if unit == "s" and value >= DURATIONS[-1][0]:
        size, name = next(each for each in DURATIONS if value >= each[0])
        return f"{_three(value / size)} {name}"
    symbol = SYMBOLS[unit]
    if value == 0 or (not symbol.isalpha() and abs(value) < 1):  # 0.2 /s, not 200 m/s
        return f"{_three(value)} {symbol}".rstrip()
    size, prefix = next((each for each in PREFIXES if abs(value) >= each[0]), (1e-9, SMALLEST))
    return f"{_three(value / size)} {prefix}{symbol}".rstrip()


def _three(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
