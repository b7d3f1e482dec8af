"""Panels of a picture over time, which share an axis in seconds: what several of them show."""

from vau.panels.classes import BY_MANNER, visible_classes
from vau.panels.phones import PHONE_ROW_IN, Row, draw_phones, placed
from vau.panels.sound import draw_sound
from vau.panels.window import Window

__all__ = [
    "BY_MANNER",
    "PHONE_ROW_IN",
    "Row",
    "Window",
    "draw_phones",
    "draw_sound",
    "placed",
    "visible_classes",
]
