"""What the shadows of a server did during a bench, as its metrics page tells."""

from dataclasses import dataclass

from vau.load.page import Scrape


@dataclass(frozen=True, slots=True)
class ShadowEnergy:
    """What a shadow accounts for; unlike origins and boundaries never add up."""

    origin: str
    boundary: str
    joules: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowFigures:
    """One shadow since its server started."""

    id: str
    frames: int
    """Computed and compared."""

    shed_frames: int
    """That it was spared, because it could not keep up."""

    disagreements: int
    """Of the frames, those whose best class is another than the client's."""

    energies: tuple[ShadowEnergy, ...]

    @property
    def heard_share(self) -> float | None:
        """The part of its frames that it computed, 0 to 1; None if it was given none."""
        given = self.frames + self.shed_frames
        return self.frames / given if given else None


def shadows_on(page: Scrape) -> tuple[ShadowFigures, ...]:
    """Return all shadows of a page, sorted by id; none if it tells of none."""
    ids = {sample.labels["shadow"] for sample in page.named("vau_shadow_frames_total")}
    return tuple(_shadow(page, each) for each in sorted(ids))


def _shadow(page: Scrape, shadow_id: str) -> ShadowFigures:
    def count(name: str) -> int:
        return round(page.total(f"vau_shadow_{name}_total", shadow=shadow_id) or 0)

    joules: dict[tuple[str, str], float] = {}
    for sample in page.named("vau_shadow_energy_joules_total", shadow=shadow_id):
        key = (sample.labels["origin"], sample.labels["boundary"])
        joules[key] = joules.get(key, 0.0) + sample.value
    return ShadowFigures(
        id=shadow_id,
        frames=count("frames"),
        shed_frames=count("shed_frames"),
        disagreements=count("disagreements"),
        energies=tuple(ShadowEnergy(*key, value) for key, value in joules.items()),
    )
