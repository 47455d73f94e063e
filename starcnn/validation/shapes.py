# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How many posteriors have several peaks, and how many one that is far extended.
"""

import numpy as np

__all__ = ['EXTENDED', 'share_bimodal', 'share_extended']

# A posterior is called extended if the smallest region with 68 % of the probability covers more
# than this part of the grid: ten of the 20 x 10 cells in age and A_V of Bialopetravicius &
# Narbutis (2020), who give no number; a choice of this package.
EXTENDED = 0.05


def share_bimodal(posterior, names=('age', 'a_v')):
    """
    Return the fraction of posteriors that have more than one peak.

    Bialopetravicius & Narbutis (2020, A&A, 633, A148, section 3.3) count fewer
    than 1 %, without saying how; here the peaks are those of
    `starcnn.networks.Posterior.n_modes`.

    Parameters
    ----------
    posterior : `~starcnn.networks.Posterior`
        The posteriors.

    names : sequence of str, optional
        The parameters of the maps, which others are summed over. The default
        is age and A_V.

    Returns
    -------
    share : float
        The fraction of the sources that have a result.
    """
    n_modes = _with_result(posterior.n_modes(names))
    return float(np.mean(n_modes > 1))


def share_extended(posterior, names=('age', 'a_v'), *, extent=EXTENDED):
    """
    Return the fraction of posteriors that have one peak, and an extended one.

    Bialopetravicius & Narbutis (2020, A&A, 633, A148, section 3.3) count about
    20 %, without saying how.

    Parameters
    ----------
    posterior : `~starcnn.networks.Posterior`
        The posteriors.

    names : sequence of str, optional
        The parameters of the maps, which others are summed over. The default
        is age and A_V.

    extent : float, optional
        The part of the grid that the smallest region with 68 % of the
        probability must cover (`starcnn.networks.Posterior.extent`). The
        default is 0.05.

    Returns
    -------
    share : float
        The fraction of the sources that have a result.
    """
    n_modes = posterior.n_modes(names)
    is_extended = (n_modes == 1) & (posterior.extent(names) > extent)
    return float(np.mean(_with_result(is_extended, n_modes > 0)))


def _with_result(values, has_result=None):
    """Return the values of the sources with a result."""
    values = values[values > 0] if has_result is None else values[has_result]
    if not values.size:
        msg = 'posterior must have at least one source with a result, got none'
        raise ValueError(msg)
    return values
