"""The attenuating solids of a chest, as numbers drawn for a patient and for one exposure.

Lengths are cm, coordinates those of `projection`; y = 0 lies near the carina's level.
Linear attenuation coefficients (per cm) are NIST's for 70 keV, the mean energy of a 120 kVp beam.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cxrnoise.datasets.phantom.projection import (
    Grid,
    add_ellipsoid,
    add_ellipsoids,
    add_tubes,
    smooth_noise,
    stack,
    unite_ellipsoid,
)

SOFT = 0.194
FAT = 0.178
CORTICAL = 0.505
SPONGY = 0.27
MARROW = (SPONGY - CORTICAL) / (CORTICAL - SOFT)  # what a bone's core adds to its cortex
TITANIUM = 2.5
STEEL = 6.6
SIDES = {"right": -1, "left": 1}  # of the patient; the patient's left is the image's right


@dataclass(frozen=True)
class Body:
    """What stays the same over one patient's images."""

    half_width: float  # of the rib cage inside, at its widest
    depth: float  # half of its extent from back to front
    apex: float  # y of the top of the lungs
    base: float  # y of the right dome of the diaphragm at full inspiration
    left_lower: float  # how much lower the left dome lies
    bulge: float  # height of the domes
    wall: float  # thickness of the chest wall at the side
    shoulder: float  # half of the shoulders' width
    heart: float  # size of the heart, 1 is usual
    heart_tilt: float  # of its long axis from the horizontal
    heart_left: float  # x of its centre
    knob: float  # radius of the aortic arch
    knob_y: float
    unfolding: float  # how far the ascending and descending aorta stand out
    lung_density: float  # relative to soft tissue
    markings: float  # strength of the vessels
    bone: float  # mineral content, 1 is usual
    scoliosis: float  # sideways bow of the spine
    ribs_drop: float  # how steeply the ribs descend
    breasts: float  # 0 for none
    breast_y: float
    severity: float  # of emphysema, 0-1
    irregularity: float  # how much the outlines stray from their geometry, 1 is usual


@dataclass(frozen=True)
class State:
    """What differs between one patient's images."""

    inspiration: float  # lowering of the diaphragm
    arms: float  # angle of the arms from the body, radians
    shrug: float  # how high the shoulders stand
    magnification: float  # of the heart: larger in an AP image
    gas: float  # size of the gastric bubble
    raised: dict[str, float]  # how much higher than usual a dome stands, by side


def draw_body(rng: np.random.Generator, sex: str, severity: float) -> Body:
    """Draw a patient. `severity` (0-1) hyperinflates the lungs and narrows the heart."""
    female = sex == "F"
    age_of_aorta = rng.uniform()
    return Body(
        half_width=rng.normal(13.0 - 0.8 * female, 0.8) * (1 + 0.05 * severity),
        depth=rng.normal(9.0, 0.7) * (1 + 0.2 * severity),
        apex=rng.normal(-11.5, 0.7) - 0.8 * severity,
        base=rng.normal(8.7, 1.5) + 2.8 * severity,
        left_lower=max(-1.0, rng.normal(1.2, 0.8)) * (1 - 0.5 * severity),
        bulge=rng.normal(5.6, 0.8) * (1 - 0.65 * severity),
        wall=1.4 + rng.gamma(2.0, 0.8),
        shoulder=rng.normal(17.5, 1.0),
        heart=rng.normal(1.0, 0.14) * (1 - 0.22 * severity),
        heart_tilt=np.clip(rng.normal(0.62, 0.16) + 0.4 * severity, 0.4, 1.3),
        heart_left=rng.normal(2.4, 0.7) * (1 - 0.5 * severity),
        knob=rng.normal(1.4, 0.25) + 0.6 * age_of_aorta,
        knob_y=rng.normal(-4.6, 0.7),
        unfolding=rng.uniform(0, 1.2) * age_of_aorta,
        lung_density=rng.normal(0.27, 0.03) * (1 - 0.5 * severity),
        markings=rng.uniform(0.8, 1.5) * (1 - 0.55 * severity),
        bone=rng.uniform(0.65, 1.15),
        scoliosis=rng.normal(0, 0.7),
        ribs_drop=rng.normal(1.0, 0.12) * (1 - 0.25 * severity),
        breasts=rng.uniform(0.3, 1.3) if female else 0.0,
        breast_y=rng.normal(6.5, 1.2),
        severity=severity,
        irregularity=rng.uniform(0.5, 1.5),
    )


def enlarged(body: Body) -> Body:
    """Return the body with cardiomegaly."""
    return replace(body, heart=body.heart * 1.3)


def draw_state(rng: np.random.Generator, view: str) -> State:
    """Draw the posture of one exposure. In an AP image the patient often lies and breathes less."""
    supine = view == "AP"
    return State(
        inspiration=min(1.5, rng.normal(-1.5 if supine else 0, 0.7)),
        arms=rng.uniform(0.05, 0.6),
        shrug=rng.normal(0, 0.8),
        magnification=rng.uniform(1.08, 1.2) if supine else 1.0,
        gas=rng.uniform(0.0, 1.6) if rng.uniform() < 0.7 else 0.0,
        raised={side: rng.uniform(0, 5) * (rng.uniform() < 0.1) for side in SIDES},
    )


@dataclass(frozen=True)
class Chest:
    """The body in one state on one grid, ready to be projected."""

    grid: Grid
    body: Body
    state: State
    rng: np.random.Generator

    def dome(self, side: str) -> float:
        """y of the top of a diaphragm dome."""
        lower = self.body.left_lower if side == "left" else 0.0
        return self.body.base + self.state.inspiration + lower - self.state.raised[side]

    def outer_edge(self, y) -> np.ndarray:
        """Half-width of the rib cage's inside at height y."""
        body = self.body
        t = np.clip((np.asarray(y, float) - body.apex) / (body.base + 4 - body.apex), 0, 1.2)
        shape = np.sqrt(np.maximum(1 - np.abs(1 - np.minimum(t, 1)) ** 3, 0))
        return 4.6 + (body.half_width - 4.6) * shape * (0.93 + 0.07 * t)

    def midline(self, y) -> np.ndarray:
        return self.body.scoliosis * np.sin((np.asarray(y, float) + 12) / 7)


def attenuation(chest: Chest, findings: set[str], device: str, subcutaneous: bool) -> np.ndarray:
    """Return the line integral of the attenuation, float32 (rows, columns), no unit."""
    soft, fat = _trunk(chest)
    lung = _lungs(chest, findings)
    air = np.minimum(lung, 0.9 * soft)
    density = _density(chest)
    total = SOFT * (soft - air * (1 - density)) + FAT * fat
    aerated = np.minimum(lung / 5, 1)
    total += (SOFT * chest.body.markings) * _vessels(chest) * aerated
    _add_bullae(total, chest)
    _add_abdomen(total, chest)
    _add_spine(total, chest)
    _add_ribs(total, chest)
    _add_shoulders(total, chest)
    _add_airways(total, chest)
    if subcutaneous:
        _add_gas_streaks(total, chest)
    if device:
        DEVICES[device](total, chest)
    return total


def _trunk(chest: Chest) -> tuple[np.ndarray, np.ndarray]:
    """Chords of the trunk, neck, arms without their fat, and of the breasts and the fat."""
    grid, body, state, rng = chest.grid, chest.body, chest.state, chest.rng
    y = grid.y
    line = body.apex - state.shrug
    wide = body.half_width + body.wall
    heights = line + np.array([-12, -6, -4, -2.2, -0.5, 3, 7, 11, 16, 40])
    halves = [5.6, 6.0, 7.0, 10.5, 15, wide + 2.5, wide + 1.2, wide, wide, wide]
    depths = np.array([5.5, 5.8, 5.4, 5.2, 5.6, 7.4, 9.2, 10, 10, 10])
    depths *= (body.depth + 0.5 * body.wall) / 10.5
    half = _rounded(np.interp(y, heights, halves), grid)
    middle = chest.midline(y) * 0.3
    soft = stack(grid, middle - half, middle + half, np.interp(y, heights, depths), power=2.6)
    top = line + 3.0
    for side in SIDES.values():
        radius = np.interp(y, [top, top + 10, top + 30], [5.0, 4.4, 3.8])
        radius *= np.sqrt(np.clip(1 - ((top - y) / 5.0).clip(0) ** 2, 0, 1))
        centre = side * (body.shoulder + np.tan(state.arms) * (y - top).clip(-2))
        np.maximum(soft, stack(grid, centre - radius, centre + radius, radius), out=soft)
    fat = 0.25 * soft
    soft *= 0.75
    if body.breasts:
        size = body.breasts
        droop = np.clip((y - body.breast_y) / (4.2 + size) + 1, 0, 2)[:, None].astype(np.float32)
        for side in SIDES.values():
            y_sag = body.breast_y + rng.normal(0, 0.4)
            centre = (side * rng.normal(8.2, 0.4), y_sag, body.depth)
            breast = grid.zeros()
            add_ellipsoid(breast, grid, centre, (5 + size, 4.2 + size, 0.8 + 1.2 * size))
            fat += np.float32(rng.uniform(0.8, 1.2)) * breast * droop
    return soft, fat


def _rounded(profile: np.ndarray, grid: Grid) -> np.ndarray:
    """Round the corners of an outline given at every row."""
    reach = np.arange(-1.8, 1.8, grid.pitch[1])
    kernel = np.cos(reach / 1.8 * np.pi / 2) ** 2
    edge = np.ones(len(kernel) // 2)
    padded = np.concatenate([profile[0] * edge, profile, profile[-1] * edge])
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")[: len(profile)]


def _lungs(chest: Chest, findings: set[str]) -> np.ndarray:
    """Chord through aerated lung: the pleural space less what the other organs take of it."""
    grid, body = chest.grid, chest.body
    y = grid.y
    outer = chest.outer_edge(y)
    t = (y - body.apex) / (body.base - body.apex)
    inner = 1.0 + 4.0 * (1 - np.sqrt(np.clip(1 - (1 - t / 0.25).clip(0) ** 2, 0, 1)))
    outer = np.where((t > 0) & (y < body.base + body.bulge + 6), outer, inner - 1)
    depth = body.depth * (0.45 + 0.55 * np.sqrt(np.clip(t / 0.5, 0, 1)))
    organs = _mediastinum(chest)
    lung = grid.zeros()
    for name, side in SIDES.items():
        edges = np.sort([side * inner, side * outer], axis=0)
        left, right = np.where(outer > inner, edges, edges[::-1]) + chest.midline(y) * 0.3
        chord = stack(grid, left, right, depth, power=2.6)
        chord -= _dome(chest, name)
        lung += np.maximum(chord, 0)
    lung -= organs
    for finding in sorted(findings & set(OPACITIES)):
        OPACITIES[finding](lung, chest)
    return np.maximum(lung, 0)


def _dome(chest: Chest, side: str) -> np.ndarray:
    """Chord through the abdomen under one dome of the diaphragm."""
    grid, body, sign = chest.grid, chest.body, SIDES[side]
    top, bulge = chest.dome(side), body.bulge
    half = body.half_width * 0.58
    centre = sign * (body.half_width * 0.41)
    lift = np.clip((top + bulge - grid.y) / bulge, 0, 1)
    half = half * np.sqrt(1 - lift**2) + 1.5 * np.clip((grid.y - top - bulge) / 4, 0, 1)
    half[grid.y < top] = -1
    depth = 1.15 * body.depth * np.sqrt(1 - lift**2)
    return stack(grid, centre - half, centre + half, depth, power=6.0)


def _mediastinum(chest: Chest) -> np.ndarray:
    """Chord through heart, great vessels and what lies between the lungs."""
    grid, body, state = chest.grid, chest.body, chest.state
    y = grid.y
    top, knob_y = body.apex, body.knob_y
    # Right border: brachiocephalic vein, superior vena cava; left: subclavian artery, then heart.
    right = np.interp(y, [top - 2, top + 3, knob_y, 2, 8, 16], [3.4, 1.8, 1.6, 1.8, 1.8, 1.8])
    left = np.interp(y, [top - 2, top + 3, knob_y, 2, 8, 16], [3.4, 1.9, 1.4, 1.4, 1.6, 1.6])
    shift = chest.midline(y) * 0.6
    organs = stack(grid, shift - right, shift + left, 5.5, power=3.0)
    size = body.heart * state.magnification
    vary = partial(chest.rng.normal, 1.0)
    base = min(chest.dome("left"), 14)
    heart_y = base - 2.6 * size
    x = body.heart_left
    # Ventricles: the apex points to the patient's left and down.
    ventricles = (7.2 * size, 4.6 * size, 6.6 * size)
    unite_ellipsoid(organs, grid, (x, heart_y, 3), ventricles, body.heart_tilt)
    # Left border from the pulmonary trunk over the left auricle to the apex; right atrium.
    apex_y, reach = heart_y + 2.4 * size, x + 5.6 * size
    waist = (2.6 + 0.25 * x) * vary(0.2)
    left_y = [knob_y, knob_y + 2.8, (knob_y + heart_y) / 2 + 1, heart_y, apex_y, apex_y + 2.4]
    left = np.interp(y, left_y, [1.0, waist, 0.55 * reach, 0.82 * reach, reach, 0.6 * reach])
    right_y = [knob_y, knob_y + 4, heart_y - 1, heart_y + 3, apex_y + 3]
    right = np.interp(y, right_y, [1.4, 1.6, 0.5 + 2.9 * size * vary(0.15), 2.6, 1.8])
    left[(y < knob_y) | (y > apex_y + 2.4)] = -9
    heart = stack(grid, shift - right, shift + _rounded(left, grid), 6.0, power=3.0)
    np.maximum(organs, heart, out=organs)
    # Arch seen end-on as the knob, descending aorta to the left of the spine.
    arch = (body.knob, 1.1 * body.knob, 4.5)
    unite_ellipsoid(organs, grid, (1.25 + 0.5 * body.unfolding, knob_y, -1), arch)
    descent = np.linspace(0, 1, 8)
    lateral = 2.2 + body.unfolding * np.sin(2.6 * descent) - 1.0 * descent
    axis = np.stack([lateral, knob_y + 0.5 + 20 * descent, np.full(8, -4.5)], axis=1)
    add_tubes(organs, grid, [axis], 0.75 * body.knob)
    ascending = 0.9 + 0.8 * body.unfolding
    unite_ellipsoid(organs, grid, (-ascending * vary(0.4), knob_y + 3.6, 2), (1.3, 5.4, 4.5))
    return organs


def _density(chest: Chest) -> np.ndarray:
    """Lung density relative to soft tissue: interstitial texture, denser towards the bases."""
    grid, rng, body = chest.grid, chest.rng, chest.body
    texture = _texture(rng, grid, 0.25) * 0.5 + _texture(rng, grid, 0.8) * 0.4
    texture += _texture(rng, grid, 2.5) * (0.4 + 0.9 * body.severity)
    gradient = 1 + np.float32(0.012) * grid.y[:, None] + np.float32(rng.normal(0, 0.01)) * grid.x
    return np.clip(body.lung_density * gradient * (1 + 0.07 * texture), 0.04, 0.9)


def _texture(rng, grid: Grid, correlation: float) -> np.ndarray:
    """Smooth noise of unit variance and a given correlation length in cm."""
    extents = (abs(axis[-1] - axis[0]) for axis in (grid.y, grid.x))
    return smooth_noise(rng, grid.shape, tuple(round(extent / correlation) for extent in extents))


def _vessels(chest: Chest) -> np.ndarray:
    """Chord through the pulmonary arteries and veins, which branch from the hila."""
    grid, rng = chest.grid, chest.rng
    image = grid.zeros()
    roots = 8  # per lung
    fan = np.linspace(-1, 1, roots)
    starts = []
    for name, side in SIDES.items():
        # The left pulmonary artery rides over its bronchus, so the left hilum is the higher one.
        y = chest.body.knob_y + rng.normal(3.4, 0.6) + (1.0 if name == "right" else 0.0)
        hilum = np.array([side * rng.normal(3.2, 0.4), y, 0])
        add_ellipsoid(image, grid, hilum, (1.6, 2.4, 1.0), rng.uniform(0.3, 1.0))
        spread = np.stack([0 * fan, 1.2 * fan, rng.normal(0, 1.5, roots)], axis=1)
        starts.append(hilum + spread)
    count = 2 * roots
    vessels = {
        "side": np.repeat([*SIDES.values()], roots),
        "start": np.concatenate(starts),
        "angle": np.tile(0.08 + 1.27 * fan, 2) + rng.normal(0, 0.12, count),
        "radius": rng.uniform(0.28, 0.55, count),
        "length": rng.uniform(2.0, 4.0, count),
    }
    for _ in range(5):
        vessels = _branch(image, chest, **vessels)
    return image


def _branch(image, chest: Chest, side, start, angle, radius, length) -> dict[str, np.ndarray]:
    """Draw one generation of vessels and return the next one, two for each."""
    rng, count = chest.rng, len(side)
    bend, tilt = rng.normal(0, 0.25, count), rng.normal(0, 0.5, count)
    share = np.array([0, 0.33, 0.66, 1])
    course = angle[:, None] + bend[:, None] * share
    along = np.empty((count, 4, 3))
    np.multiply((side * np.cos(tilt))[:, None], np.cos(course), out=along[..., 0])
    np.sin(course, out=along[..., 1])
    along[..., 2] = np.sin(tilt)[:, None]
    points = start[:, None] + along * (length[:, None] * share)[..., None]
    add_tubes(image, chest.grid, points, np.stack([radius, 0.8 * radius], axis=1))
    fork = rng.uniform(0.25, 0.65, count)
    return {
        "side": _twice(side),
        "start": _twice(points[:, -1]),
        "angle": np.concatenate([angle + bend + fork, angle + bend - fork]),
        "radius": _twice(radius) * rng.uniform(0.6, 0.8, 2 * count),
        "length": _twice(length) * rng.uniform(0.6, 0.95, 2 * count),
    }


def _twice(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, values])


def _add_bullae(total, chest: Chest) -> None:
    severity, rng = chest.body.severity, chest.rng
    for _ in range(rng.poisson(4 * severity)):
        side = rng.choice([-1, 1])
        y = chest.body.apex + rng.uniform(1.5, 9)
        centre = (side * rng.uniform(0.45, 0.8) * chest.outer_edge(y), y, 0)
        radius = rng.uniform(0.6, 2.2) * (0.5 + severity)
        lung = SOFT * chest.body.lung_density
        add_ellipsoid(total, chest.grid, centre, (radius + 0.1,) * 3, 0.5 * SOFT)
        add_ellipsoid(total, chest.grid, centre, (radius,) * 3, -(0.5 * SOFT + 0.8 * lung))


def _add_abdomen(total, chest: Chest) -> None:
    """Liver on the right; stomach with its gas bubble, spleen and bowel gas."""
    grid, rng, state = chest.grid, chest.rng, chest.state
    right, left = chest.dome("right"), chest.dome("left")
    add_ellipsoid(total, grid, (-5.5, right + 6.5, 1), (8.5, 6, 6), 0.06 * SOFT)
    add_ellipsoid(total, grid, (9, left + 5, -3), (3.2, 5, 3.5), 0.08 * SOFT, tilt=-0.3)
    if state.gas:
        width, height = 1.4 + state.gas * rng.uniform(0.6, 1.5), 0.5 + state.gas
        top = left + rng.uniform(0.4, 1.2)
        centre = (rng.normal(6.3, 1.2), top + height, 2)
        add_ellipsoid(total, grid, centre, (width + 0.3, height + 0.3, width), 0.15 * SOFT)
        level = top + height * rng.uniform(1.0, 2.0)
        tilt = rng.normal(0, 0.2)
        depth = min(width, 2.5)
        add_ellipsoid(total, grid, centre, (width, height, depth), -SOFT, tilt, below=level)
    for _ in range(rng.poisson(3)):
        side = rng.choice([-1, 1], p=[0.4, 0.6])
        centre = (side * rng.uniform(2, 11), left + rng.uniform(5, 13), 3)
        size = rng.uniform(0.5, 1.6, 3) * rng.uniform(0.7, 1.6)
        add_ellipsoid(total, grid, centre, size, -SOFT, rng.uniform(0, 3))


def _add_spine(total, chest: Chest) -> None:
    """Vertebral bodies with their discs, pedicles and spinous processes."""
    grid, bone = chest.grid, chest.body.bone
    y = grid.y
    level = np.interp(y, [-25, 25], [1.5, 2.9])  # height of a vertebra with its disc
    phase = 2 * np.pi * np.cumsum(grid.pitch[1] / level)
    half = np.interp(y, [-16, -8, 20], [1.2, 1.35, 1.9]) * (1 - 0.06 * np.cos(phase))
    body = 1.6 * (1 - 0.3 * np.clip(np.cos(phase), 0, 1) ** 4)
    middle = chest.midline(y) - 5 * grid.turn
    spine = stack(grid, middle - half, middle + half, body, power=5.0)
    total += ((SPONGY - SOFT + 0.06) * bone) * spine
    turns = np.arange(phase[0], phase[-1], 2 * np.pi) + np.pi
    heights = np.interp(turns, phase, y)
    centres = np.stack([chest.midline(heights), heights, np.zeros(len(heights))], axis=1)
    add_ellipsoids(total, grid, centres + [0, 0.4, -8], (0.35, 0.8, 1.2), 0.1 * bone)
    pedicles = [centres + [side * 1.3, -0.3, -6.5] for side in SIDES.values()]
    add_ellipsoids(total, grid, np.concatenate(pedicles), (0.4, 0.55, 0.8), 0.12 * bone)
    inner = centres + [0, -0.2, -7]
    processes = [np.stack([inner + [s, 0, 0], inner + [3.4 * s, -0.3, -0.5]], 1) for s in (-1, 1)]
    add_tubes(total, grid, np.concatenate(processes), 0.45, 0.16 * bone)


def _add_ribs(total, chest: Chest) -> None:
    """Ten pairs: each runs back from the spine, round the chest and down to its cartilage."""
    grid, body, rng = chest.grid, chest.body, chest.rng
    number = np.arange(10)
    span = body.base + 3.5 - body.apex
    start = body.apex + 0.2 + span * 0.098 * number + rng.normal(0, 0.08, 10)
    drop = (3.2 + 0.85 * number) * body.ribs_drop
    end = np.radians(np.interp(number, [0, 2, 5, 9], [152, 150, 135, 112]))
    share = np.linspace(0, 1, 60)
    angle = 0.25 + share * (end[:, None] - 0.25)
    fall = (1 - np.cos(np.minimum(angle, np.pi))) / 2
    y = start[:, None] + drop[:, None] * (fall * 1.25 - 0.16 * np.sin(angle))
    around = chest.outer_edge(start + 0.55 * drop)[:, None] + 0.25
    x = around * np.sin(angle) ** 0.9
    z = -(body.depth + 0.3) * np.cos(angle) * np.minimum(1, around / body.half_width)
    taper = np.clip((1 - share) * 12, 0, 1)
    outer, shell = rng.uniform(0.65, 0.8), 0.16
    for side in SIDES.values():
        axis = np.stack([side * x + chest.midline(y) * 0.5, y + rng.normal(0, 0.1), z], axis=2)
        weights = np.broadcast_to((CORTICAL - SOFT) * body.bone * taper, y.shape)
        add_tubes(total, grid, axis, outer, weights, 0.75, core=(1 - shell / outer, MARROW))


def _add_shoulders(total, chest: Chest) -> None:
    """Clavicles, scapulae, humeri, and the breastbone."""
    grid, body, state, rng = chest.grid, chest.body, chest.state, chest.rng
    bone = body.bone
    height = body.apex + 0.3
    for side in SIDES.values():
        lift = state.shrug + rng.normal(0, 0.3)
        outer = np.array([side * (body.shoulder - 3.0), height - 1.2 - lift, 0])
        inner = np.array([side * 1.8, height + 2.6, 6.5])
        share = np.linspace(0, 1, 7)[:, None]
        axis = inner + share * (outer - inner)
        axis[:, 1] += 0.7 * np.sin(2 * np.pi * share[:, 0]) * 0.6
        add_tubes(total, grid, [axis], 0.75, (CORTICAL - SOFT) * bone, core=(0.7, MARROW))
        joint = outer + [side * 1.8, 2.2, -1]
        add_ellipsoid(total, grid, joint, (2.1, 2.2, 2.1), 0.11 * bone)
        reach = np.array([side * np.sin(state.arms), np.cos(state.arms), 0])
        shaft = [[joint, joint + 28 * reach]]
        add_tubes(total, grid, shaft, 1.2, 0.8 * (CORTICAL - SOFT) * bone, core=(0.66, MARROW))
        glenoid = joint + [-side * 2.0, 0.6, -2]
        tip = glenoid + [-side * rng.uniform(1.5, 3.5), rng.uniform(9, 11), -3]
        upper = glenoid + [-side * rng.uniform(5.5, 7.0), -0.8, -4]
        spine = upper + [side * 0.5, 1.2, -0.5]
        borders = [[glenoid, tip], [tip, upper], [upper, glenoid], [spine, outer + [side, 0, -2]]]
        radii = [[0.5], [0.3], [0.3], [0.5]]
        add_tubes(total, grid, borders, radii, 0.8 * (CORTICAL - SOFT) * bone)
    add_ellipsoid(total, grid, (0, height + 4.2, 8), (2.0, 2.2, 0.6), 0.1 * bone)


def _add_airways(total, chest: Chest) -> None:
    """Trachea and main bronchi: columns of air; the arch pushes the trachea to the right."""
    grid, knob_y = chest.grid, chest.body.knob_y
    carina = np.array([0.35, knob_y + 2.6, -1])
    bend = 0.3 + 0.3 * chest.body.unfolding
    trachea = [[0, -24, 0], [0, -12, 0], [-bend, knob_y - 0.5, -0.5], carina]
    add_tubes(total, grid, [trachea], 0.85, -0.9 * SOFT)
    right = [carina, carina + [-1.6, 2.2, 0], carina + [-2.6, 3.6, 0], carina + [-3.3, 5.0, 0]]
    left = [carina, carina + [1.7, 1.5, 0], carina + [3.2, 2.5, 0], carina + [4.2, 3.6, 0]]
    add_tubes(total, grid, [right, left], 0.55, -0.7 * SOFT)


def _add_gas_streaks(total, chest: Chest) -> None:
    """Subcutaneous emphysema: gas between the fibres of the chest wall's and neck's muscles."""
    body, rng = chest.body, chest.rng
    sides = [rng.choice([-1, 1])] if rng.uniform() < 0.6 else [-1, 1]
    for side in sides:
        count = 45
        y = rng.uniform(-9, 12, count)
        x = chest.outer_edge(y) + rng.uniform(0.7, body.wall + 0.8, count)
        start = np.stack([side * x, y, np.zeros(count)], axis=1)
        along = np.stack([rng.normal(0, 0.12, count), np.ones(count), np.zeros(count)], axis=1)
        _add_streaks(total, chest, start, along)
        # The fibres of the pectoral muscle fan out from the armpit over the upper chest.
        angle = rng.uniform(-0.5, 0.9, count)
        along = np.stack([-side * np.cos(angle), np.sin(angle), 0 * angle], axis=1)
        armpit = np.array([side * (body.half_width - 0.5), body.apex + 6, 7])
        _add_streaks(total, chest, armpit + along * rng.uniform(0, 6, (count, 1)), along)
        neck = np.stack(
            [side * rng.uniform(2, 6, count), rng.uniform(-18, -11, count), 0 * y], axis=1
        )
        _add_streaks(total, chest, neck, [[0.25 * side, 1, 0]])


def _add_streaks(total, chest: Chest, start, along) -> None:
    count = len(start)
    length = chest.rng.uniform(0.8, 3.5, (count, 1))
    points = np.stack([start, start + np.asarray(along) * length], axis=1)
    radius = chest.rng.uniform(0.06, 0.22, (count, 1))
    add_tubes(total, chest.grid, points, radius, -0.9 * SOFT, flatness=3)


def _add_effusion(lung, chest: Chest) -> None:
    """Fluid fills the costophrenic recess up to a meniscus that climbs along the wall."""
    side, rng, grid = chest.rng.choice([-1, 1]), chest.rng, chest.grid
    lateral = np.maximum(grid.x * side, 0) / chest.body.half_width
    level = chest.body.base + rng.triangular(-10, 0, 3) - 3.5 * lateral**3
    dry = np.clip((level - grid.y[:, None]) / 1.2 + 0.5, 0, 1)
    lung *= np.where(grid.x * side > 0, dry, 1).astype(np.float32)


def _add_infiltration(lung, chest: Chest) -> None:
    rng = chest.rng
    side = rng.choice([-1, 1])
    y = rng.uniform(chest.body.apex + 4, chest.body.base)
    x = side * rng.uniform(0.4, 0.8) * chest.outer_edge(y)
    for _ in range(rng.integers(6, 16)):
        centre = (x + rng.normal(0, 1.6), y + rng.normal(0, 1.6), 0)
        add_ellipsoid(lung, chest.grid, centre, rng.uniform(0.7, 2.2, 3), -0.5)


def _add_nodule(lung, chest: Chest) -> None:
    rng = chest.rng
    y = rng.uniform(chest.body.apex + 3, chest.body.base)
    x = rng.choice([-1, 1]) * rng.uniform(0.35, 0.85) * chest.outer_edge(y)
    add_ellipsoid(lung, chest.grid, (x, y, 0), rng.uniform(0.5, 1.6) * rng.uniform(0.8, 1.2, 3), -1)


OPACITIES = {"Effusion": _add_effusion, "Infiltration": _add_infiltration, "Nodule": _add_nodule}


def _add_pacemaker(total, chest: Chest) -> None:
    """Generator under the left collarbone; its leads reach the right atrium and ventricle."""
    rng, body, grid = chest.rng, chest.body, chest.grid
    x, y = rng.normal(9.5, 0.8), body.apex + rng.normal(5.5, 0.8)
    add_ellipsoid(total, grid, (x, y, 8), (2.4, 2.0, 0.35), 0.8 * TITANIUM, rng.uniform(-0.5, 0.5))
    add_ellipsoid(total, grid, (x, y + 0.3, 8), (1.6, 1.1, 0.3), STEEL * 0.5)
    heart = chest.dome("left") - 2.5
    entry = [[x - 2, y - 1, 7], [5.5, body.apex + 2.2, 5], [0, body.apex + 4, 3], [-2.2, -4, 1]]
    atrium = [*entry, [-2.8, 2, 2], [-2.2, heart - 3, 3]]
    ventricle = [*entry, [-2.4, heart - 3, 2], [4.5, heart + 0.5, 4]]
    add_tubes(total, grid, [_smooth(atrium), _smooth(ventricle)], 0.08, STEEL)


def _smooth(points: list) -> np.ndarray:
    """Return a curve through the neighbourhood of the points, with their ends (Chaikin)."""
    curve = np.asarray(points, float)
    for _ in range(3):
        near, far = 0.75 * curve[:-1] + 0.25 * curve[1:], 0.25 * curve[:-1] + 0.75 * curve[1:]
        inner = np.stack([near, far], axis=1).reshape(-1, 3)
        curve = np.concatenate([curve[:1], inner, curve[-1:]])
    return curve


def _add_wires(total, chest: Chest) -> None:
    """Electrodes of a monitor, and their cables, which lie anywhere."""
    rng, grid = chest.rng, chest.grid
    for _ in range(rng.integers(2, 5)):
        at = np.array([rng.uniform(-11, 11), rng.uniform(-9, 11), 10])
        add_ellipsoid(total, grid, at, (0.7, 0.7, 0.15), 0.25 * STEEL)
        away = rng.uniform(-1, 1, 3) * [14, 4, 0] + [0, 14, 0]
        bend = rng.normal(0, 2, 3) * [1, 1, 0]
        share = np.linspace(0, 1, 8)[:, None]
        cable = at + away * share + bend * np.sin(np.pi * share)
        add_tubes(total, grid, [cable], 0.1, 0.25 * STEEL)


def _add_catheter(total, chest: Chest) -> None:
    """Central venous line with a port, from either side to the vena cava."""
    rng, body, grid = chest.rng, chest.body, chest.grid
    side = rng.choice([-1, 1])
    port = [side * rng.uniform(6, 9), body.apex + rng.uniform(5, 8), 8]
    line = [port, [side * 5, body.apex + 1.5, 6], [side * 2, body.apex + 2.6, 4], [-2, -4, 2]]
    line = _smooth([*line, [-2.4, rng.uniform(-1, 4), 2]])
    add_tubes(total, grid, [line], 0.12, 0.15 * STEEL)
    add_ellipsoid(total, grid, port, (1.1, 1.1, 0.5), 0.4 * TITANIUM)


def _add_cerclage(total, chest: Chest) -> None:
    """Wires that hold the breastbone after an operation."""
    rng, grid = chest.rng, chest.grid
    turn = np.linspace(0, 2 * np.pi, 12)
    for y in np.linspace(chest.body.apex + 4, 5, rng.integers(4, 7)):
        loop = [0, y, 8] + np.stack(
            [np.cos(turn), 0.45 * np.sin(turn + rng.normal(0, 0.3)), 0 * turn], axis=1
        )
        add_tubes(total, grid, [loop], 0.09, STEEL)


DEVICES = {
    "pacemaker": _add_pacemaker,
    "wires": _add_wires,
    "catheter": _add_catheter,
    "sternal wires": _add_cerclage,
}
