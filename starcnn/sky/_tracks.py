# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Bring isochrones to common evolutionary points, between which they can be interpolated.

Every isochrone is cut at the boundaries of the evolutionary phases, and every
phase is sampled at the same fractions. A node then means the same state of
evolution at every age and metallicity, so that neighbours can be averaged
node by node without blurring the turn-off or the giants.
"""

import numpy as np

# The codes of the ``phase`` column are the indices into this tuple.
PHASES = ('MS', 'SGB', 'RGB', 'CHeB', 'EAGB', 'TPAGB')
MS, SGB, RGB, CHEB, EAGB, TPAGB = range(6)

# log(4 pi G sigma solMass / L) in cgs with PARSEC's solar luminosity, L = 3.846e33 erg/s.
_LOG_G = -10.6093

# The sections of a track are the phases, with the main sequence cut in two at a fraction of the
# largest mass alive. This is the number of nodes of each.
_N_NODES = (320, 160, 40, 96, 128, 64, 24)
_MS_CUT = 0.6

# Towards the turn-off the nodes are denser: there the fraction left is divided evenly in its
# logarithm.
_LEFT = (0.2, 1e-4)

# Stars near the largest mass (a fraction of it) that are cooler than this log T_eff, and than the
# hottest by so much, have left the main sequence at a mass lower by this fraction at the most; the
# tip of the giant branch is where log L falls by more than this. Between them is the knee, where
# the slope of log L on log T_eff passes this value, between those of subgiants and giants.
_UPPER = 0.7
_MASSIVE = 8.0  # solMass: from here on the second values hold
_COOL = (3.8, 3.9)
_TURN_OFF = (0.15, 0.015)
_COOLING = 0.05
_TIP_DROP = 0.2
_KNEE = 8.0


def _upper_fractions(n):
    """Return the fractions at the nodes of the upper main sequence."""
    graded = 1 - np.geomspace(*_LEFT, n // 2)
    even = np.linspace(0, graded[0], n - n // 2, endpoint=False)
    return np.concatenate([even, graded[:-1], [1.0]])


_FRACTIONS = [np.linspace(0, 1, n) for n in _N_NODES]
_FRACTIONS[1] = _upper_fractions(_N_NODES[1])
NODE_SECTIONS = np.repeat(np.arange(len(_N_NODES)), _N_NODES)
NODE_PHASES = np.maximum(NODE_SECTIONS - 1, MS)


def gravity(mass, log_l, log_teff):
    """Return log g in cgs."""
    return np.log10(mass) + 4 * log_teff - log_l + _LOG_G


def _turn_off(m_ini, log_teff):
    """Return where the track leaves the main sequence, and where it is cool; or `None`."""
    upper = m_ini > _UPPER * m_ini[-1]
    hottest = np.maximum.accumulate(np.where(upper, log_teff, -np.inf))
    massive = int(m_ini[-1] > _MASSIVE)
    cool = np.flatnonzero(upper & (log_teff < np.minimum(hottest - _COOLING, _COOL[massive])))
    if not len(cool):
        return None
    turn_off = cool[0]
    lowest = (1 - _TURN_OFF[massive]) * m_ini[turn_off]
    while log_teff[turn_off - 1] >= log_teff[turn_off] and m_ini[turn_off - 1] > lowest:
        turn_off -= 1
    return turn_off, cool[0]


def find_phases(m_ini, log_l, log_teff):
    """Return the phases of an isochrone without labels, from the shape of its track."""
    phase = np.full(len(m_ini), MS)
    found = _turn_off(m_ini, log_teff)
    if found is None:
        return phase
    turn_off, cool = found
    brightest = np.maximum.accumulate(log_l[cool:])
    dropped = np.flatnonzero(log_l[cool:] < brightest - _TIP_DROP)
    tip = cool + np.argmax(log_l[cool : cool + dropped[0]]) if len(dropped) else len(m_ini) - 1
    phase[turn_off:] = SGB
    giant = log_l + _KNEE * log_teff
    phase[turn_off + np.argmin(giant[turn_off : tip + 1]) :] = RGB
    if len(dropped):
        after = log_l[tip + 1 :]
        phase[tip + 1 :] = CHEB
        phase[tip + 2 + np.flatnonzero(after <= after.min() + _TIP_DROP)[-1] :] = EAGB
    return phase


def mend_phases(phase, m_ini, log_l, log_teff):
    """Return increasing phases; found from the track if supergiants are labelled main sequence."""
    found = _turn_off(m_ini, log_teff)
    if m_ini[-1] > _MASSIVE and found is not None and phase[found[1]] == MS:
        return find_phases(m_ini, log_l, log_teff)
    return np.maximum.accumulate(phase)


def _mean_over(x, y, at):
    """Return the means of the polygons ``y(x)`` (n, k) over cells around the points ``at``."""
    edges = np.concatenate([at[:1], (at[1:] + at[:-1]) / 2, at[-1:]])
    area = np.zeros_like(y)
    area[1:] = np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(x)[:, np.newaxis], axis=0)
    area = np.stack([np.interp(edges, x, column) for column in area.T], axis=1)
    return np.diff(area, axis=0) / np.diff(edges)[:, np.newaxis]


def _fractions(table, *, by_mass):
    """Return how far each point is through its section, from 0 to 1."""
    mass = table[:, 0] - table[0, 0]
    mass = mass / mass[-1] if mass[-1] > 0 else mass
    if by_mass and mass[-1] > 0:
        return mass
    steps = np.hypot(np.diff(table[:, 2]), 5 * np.diff(table[:, 3]))
    arc = np.concatenate([[0], np.cumsum(steps)])
    arc = arc / arc[-1] if arc[-1] > 0 else np.linspace(0, 1, len(arc))
    return (mass + arc) / 2 if mass[-1] > 0 else arc


def _cut(table, phase):
    """Return the table with a point where the main sequence is cut, and the sections."""
    log_m = table[:, 0]
    n_ms = max(np.count_nonzero(phase == MS), 1)  # the first point counts as main sequence
    cut = np.clip(log_m[-1] + np.log10(_MS_CUT), log_m[0], log_m[n_ms - 1])
    row = max(np.searchsorted(log_m, cut), 1)
    point = [np.interp(cut, log_m, column) for column in table.T]
    section = np.where(np.arange(len(phase)) < row, 0, phase + 1)
    return np.insert(table, row, point, axis=0), np.insert(section, row, 1)


def resample(m_ini, phase, values):
    """
    Return one isochrone at the common nodes.

    The coordinate within a section is the mean of the logarithm of the initial mass
    and of the length of the path in the Hertzsprung-Russell diagram; for the
    thermally pulsing AGB it is the former alone, and pulses are averaged. A phase
    that the isochrone lacks is given the last point before it: it has no length.

    Parameters
    ----------
    m_ini, phase : `~numpy.ndarray` with shape (n,)
        The initial masses in solMass, which must not decrease, and the phases.

    values : `~numpy.ndarray` with shape (n, n_column)
        The mass now, log L, log T_eff and any magnitudes.

    Returns
    -------
    nodes : `~numpy.ndarray` with shape (n_node, 1 + n_column)
        The logarithm of the initial mass, and the values.
    """
    phase = mend_phases(phase, m_ini, values[:, 1], values[:, 2])
    log_m = np.maximum.accumulate(np.log10(m_ini))
    table, section = _cut(np.column_stack([log_m, values]), phase)
    nodes = []
    for code, fractions in enumerate(_FRACTIONS):
        rows = np.flatnonzero(section == code)
        if not len(rows):
            nodes.append(np.tile(nodes[-1][-1], (len(fractions), 1)))
            continue
        part = table[rows[0] : rows[-1] + 2]
        pulses = code == TPAGB + 1 and part[-1, 0] > part[0, 0]
        x = _fractions(part, by_mass=pulses)
        sampled = np.stack([np.interp(fractions, x, column) for column in part.T], axis=1)
        if pulses:
            sampled[:, 1:] = _mean_over(x, part[:, 1:], fractions)
        nodes.append(sampled)
    return np.concatenate(nodes)
