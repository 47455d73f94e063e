# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Build the table of bolometric corrections and extinctions of one photometric system.

The fluxes are those of Castelli & Kurucz 2004. Below 4500 K they are brought to
the official PARSEC tables of the same stars; below 3500 K, where there are none,
dwarfs follow the official tables and giants the spectra of Lancon & Mouhcine
2002; above 50,000 K black bodies are taken. Extinctions are integrals over the
same fluxes. Run it as::

    python tools/build_photometry.py --system gaia_dr2 --data $STARCNN_DATA_DIR
"""

import argparse
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import astropy.constants as const
import astropy.units as u
import numpy as np
from astropy.io import fits
from dust_extinction.parameter_averages import F19, F99, G23, O94
from scipy.interpolate import interp1d

from starcnn.files import compute_sha256
from starcnn.sky._parsec import read_parsec
from starcnn.sky._table import write_table
from starcnn.sky._tracks import TPAGB, gravity
from starcnn.sky.photometry import Photometry


@dataclass(frozen=True, kw_only=True)
class System:
    """
    One photometric system.

    Parameters
    ----------
    filters : dict of str
        The file of the throughput by filter.

    vega : tuple of float or `None`
        The wavelength (Angstrom) at which the spectrum of Vega has a flux
        density (erg/s/cm2/Angstrom) that defines the zero points; `None` takes
        the spectrum as it is.

    magnitude : float
        The magnitude of Vega in all filters.

    official : str
        The official isochrones that give the corrections of cool stars.

    official_filters : dict of str
        What the official isochrones call the filters; empty where they have
        none of them. The corrections are then those of the system 'johnson',
        interpolated in the logarithm of the pivot wavelength.

    r_v : tuple of float
        The ratios of total to selective extinction.

    bibcodes : tuple of str
        The papers of throughputs and zero points.

    exact : bool
        Whether to write all digits, instead of rounding to make the file small.
    """

    filters: dict
    vega: tuple | None
    official: str
    official_filters: dict
    bibcodes: tuple
    magnitude: float = 0.0
    exact: bool = False
    r_v: tuple = (2.5, 2.8, 3.1, 3.6, 4.4, 5.5)


UBVRIJHK = 'parsec_ubvrijhk_0.015500.dat.xz'

# The files of Bessell's curves hold those of table 2 of Bessell 1990 (PASP 102, 1181), which weight
# energies, already divided by the wavelength: they weight photons, as all others do.
#
# The V magnitude of Vega in Johnson's system (Bessell & Murphy 2012, PASP 124, 140, section 4).
JOHNSON_VEGA = 0.03


def _hst(camera, filters):
    """Return the system of a camera of Hubble: Vega has magnitude zero in all filters."""
    return System(
        filters={name: f'{camera}_{name}.csv' for name in filters},
        vega=None,
        official=UBVRIJHK,
        official_filters={},
        bibcodes=('2014PASP..126..711B',),
    )


# Gaia DR2: revised passbands, and Vega 3.62286e-11 W/m2/nm at 550.0 nm (Evans et al. 2018,
# section 5.1 and appendix A; the same definition holds in EDR3).
SYSTEMS = {
    'gaia_dr2': System(
        filters={
            'Gaia_G': 'Gaia_G_DR2Rev.csv',
            'Gaia_BP': 'Gaia_BP_DR2Rev.csv',
            'Gaia_RP': 'Gaia_RP_DR2Rev.csv',
        },
        vega=(5500.0, 3.62286e-9),
        official='parsec_gaia_edr3_isoch_cmd37_Z0.010_0.015_0.020.dat.xz',
        official_filters={'Gaia_G': 'G', 'Gaia_BP': 'G_BP', 'Gaia_RP': 'G_RP'},
        bibcodes=('2018A&A...616A...4E',),
        exact=True,
        r_v=(3.1,),
    ),
    'johnson': System(
        filters={name: f'Bessell_{name}.csv' for name in 'UBVRI'},
        vega=None,
        magnitude=JOHNSON_VEGA,
        official=UBVRIJHK,
        official_filters={name: name for name in 'UBVRI'},
        bibcodes=('1990PASP..102.1181B', '2012PASP..124..140B'),
    ),
    'hst_acs_wfc': _hst('ACS_WFC', ('F435W', 'F475W', 'F555W', 'F606W', 'F814W')),
    'hst_wfc3_uvis': _hst(
        'WFC3_UVIS', ('F275W', 'F336W', 'F438W', 'F475W', 'F555W', 'F606W', 'F814W')
    ),
}
CORRECTION_STEP = 2**-11  # mag; powers of two compress best
RATIO_STEP = 2**-12
LAWS = {'CCM89': O94, 'F99': F99, 'F19': F19, 'G23': G23}
A_V = np.array([0, 0.1, 0.5, 1, 2, 3, 4, 5, 6, 8, 10])

COOL = np.array([2300, 2400, 2500, 2600, 2700, 2800, 2900, 3000, 3100, 3200, 3300, 3400])  # K
HOT = np.array([6e4, 7e4, 8e4, 1e5, 1.5e5, 2e5, 4e5])  # K
REFERENCE = (4500.0, 5000.0)  # K: where the official tables are taken to agree but for passbands
WINDOW = 0.03  # in T_eff, for the official corrections at a temperature
DWARF, GIANT = 4.0, 2.0  # log g of the two kinds of cool stars, between which is interpolated
AB_ZERO = 3.631e-20  # erg/s/cm2/Hz (Oke & Gunn 1983, ApJ 266, 713)
M_BOL_LUMINOSITY = 3.0128e35  # erg/s of magnitude zero (IAU 2015 resolution B2)
BIBCODES = (
    '2004astro.ph..5087C',
    '2014PASP..126..711B',
    '2002A&A...393..167L',
    '2019A&A...632A.105C',
)


def read_throughput(path):
    """
    Return wavelength (Angstrom) and throughput of a filter, without its empty ends.
    """
    wave, throughput = np.loadtxt(path, delimiter=',', skiprows=1).T
    inside = np.flatnonzero(throughput > 0)
    keep = slice(max(inside[0] - 1, 0), inside[-1] + 2)
    return wave[keep], throughput[keep]


def band_weights(wave, band, attenuation=None):
    """
    Return weights whose product with the flux is the number of photons, up to a constant.

    Flux, throughput and their product with the wavelength are linear between
    the union of both grids.
    """
    band_wave, throughput = band
    union = np.union1d(wave, band_wave)
    union = union[(union >= band_wave[0]) & (union <= band_wave[-1])]
    step = np.diff(union)
    trapezoid = np.append(step, 0) / 2 + np.append(0, step) / 2
    value = np.interp(union, band_wave, throughput) * union * trapezoid
    if attenuation is not None:
        value = value * attenuation(union)
    i = np.clip(np.searchsorted(wave, union, side='right') - 1, 0, len(wave) - 2)
    above = (union - wave[i]) / (wave[i + 1] - wave[i])
    weights = np.zeros(len(wave))
    np.add.at(weights, i, value * (1 - above))
    np.add.at(weights, i + 1, value * above)
    return weights


def read_vega(folder, system):
    """
    Return wavelength and flux of Vega, scaled to the flux that defines the system.
    """
    with fits.open(folder / 'filters/alpha_lyr_stis_011.fits') as hdus:
        wave, flux = (np.array(hdus[1].data[name], float) for name in ('WAVELENGTH', 'FLUX'))
    flux = flux * 10 ** (0.4 * system.magnitude)
    if system.vega is None:
        return wave, flux
    at, value = system.vega
    return wave, flux * value / np.interp(at, wave, flux)


def pivot(band):
    """
    Return the pivot wavelength of a band of photon counts (Tokunaga & Vacca 2005, equation A11).
    """
    wave, throughput = band
    return np.sqrt(np.trapezoid(throughput * wave, wave) / np.trapezoid(throughput / wave, wave))


def black_body(wave, teff):
    """
    Return the flux of a black body in erg/s/cm2/Angstrom at its surface.
    """
    x = (const.h * const.c / const.k_B / (wave * u.AA) / (teff * u.K)).to_value('')
    scale = (2 * np.pi * const.h * const.c**2 / (wave * u.AA) ** 5).to_value('erg / s cm2 AA')
    return scale / np.expm1(x)


def fill_gravities(flux):
    """
    Give models that the grid lacks the flux of the nearest higher gravity.
    """
    flux = flux.copy()
    for k in reversed(range(flux.shape[2] - 1)):
        missing = flux[:, :, k].max(axis=-1) == 0
        flux[:, :, k][missing] = flux[:, :, k + 1][missing]
    return flux


def corrections(flux, teff, weights, zero):
    """
    Return bolometric corrections of surface fluxes, with the filters on the last axis.
    """
    emitted = const.sigma_sb.cgs.value * np.asarray(teff, float) ** 4
    area = 4 * np.pi * (10 * u.pc).to_value(u.cm) ** 2
    photons = flux @ weights.T / emitted[..., np.newaxis]
    return 2.5 * np.log10(M_BOL_LUMINOSITY / area * photons / zero)


class Stellar:
    """
    The photometry of the stellar fluxes of the data folder in one system.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The data folder.

    system : `System`
        The photometric system.
    """

    def __init__(self, folder, system):
        self.folder, self.system = folder, system
        with np.load(folder / 'spectra/ck04_flux.npz', allow_pickle=False) as grid:
            self.wave, self.m_h = grid['wavelength_aa'].astype(float), grid['m_h'].astype(float)
            self.teff, self.log_g = grid['teff_k'].astype(float), grid['log_g'].astype(float)
            self.flux = fill_gravities(grid['flux_flam'])
        paths = [folder / 'filters' / name for name in system.filters.values()]
        self.bands = [read_throughput(path) for path in paths]
        vega_wave, vega = read_vega(folder, system)
        self.zero = np.array([band_weights(vega_wave, band) @ vega for band in self.bands])
        self.pivots = np.array([pivot(band) for band in self.bands])
        flat = AB_ZERO * const.c.to_value(u.AA / u.s) / vega_wave**2
        counts = np.array([band_weights(vega_wave, band) @ flat for band in self.bands])
        self.ab_minus_vega = 2.5 * np.log10(counts / self.zero)
        self.giant_wave, self.giant_teff, self.giant_flux = read_giants(folder / 'spectra')

    def weights(self, wave, attenuation=None):
        """
        Return the weights of all filters on a grid of wavelengths.
        """
        return np.array([band_weights(wave, band, attenuation) for band in self.bands])

    def grid(self):
        """
        Return the corrections (m_h, T_eff, log g, filter) of the model atmospheres.
        """
        teff = self.teff[:, np.newaxis]
        return corrections(self.flux, teff, self.weights(self.wave), self.zero)

    def giants(self, attenuation=None):
        """
        Return the corrections (T_eff, filter) of the cool giants.
        """
        weights = self.weights(self.giant_wave, attenuation)
        return corrections(self.giant_flux, self.giant_teff, weights, self.zero)

    def hot(self):
        """
        Return the corrections of black bodies (T_eff, filter) relative to the hottest models'.
        """
        teff = np.append(self.teff[-1], HOT)
        flux = black_body(self.wave, teff[:, np.newaxis])
        out = corrections(flux, teff, self.weights(self.wave), self.zero)
        return out[1:] - out[0]

    def official(self):
        """
        Return T_eff, log g, [M/H] and the corrections of the stars of the official tables.
        """
        filters, isochrones = read_parsec(self.folder / 'isochrones' / self.system.official)
        where = [filters.index(name) for name in self.system.official_filters.values()]
        stars = []
        for raw in isochrones:
            m_act, log_l, log_teff = raw.values[:, :3].T
            magnitudes = raw.values[:, 3:][:, where]
            m_h = np.full(len(log_l), raw.m_h)
            correction = (4.74 - 2.5 * log_l)[:, np.newaxis] - magnitudes
            columns = [10**log_teff, gravity(m_act, log_l, log_teff), m_h, correction]
            stars.append(np.column_stack(columns)[raw.phase < TPAGB])
        stars = np.concatenate(stars)
        return *stars[:, :3].T, stars[:, 3:]


def read_giants(folder):
    """
    Return wavelengths, temperatures at solar metallicity and fluxes of oxygen-rich giants.
    """
    spectra = np.loadtxt(folder / 'Orich.spec')
    teff = np.loadtxt(folder / 'Orich.teff')
    solar = int(np.argmin(np.abs(teff[0, 1:]))) + 1
    teff, order = np.unique(teff[1:, solar], return_index=True)
    flux = spectra[:, 1:].T[order]
    total = np.trapezoid(flux, spectra[:, 0], axis=1)
    emitted = const.sigma_sb.cgs.value * teff**4
    return spectra[:, 0], teff, flux * (emitted / total)[:, np.newaxis]


def smooth(teff, values, at):
    """
    Return values at given temperatures, each from a line through the stars near it.
    """
    out = []
    for center in at:
        near = np.abs(teff / center - 1) < WINDOW
        x = np.column_stack([np.ones(near.sum()), teff[near] - center])
        out.append(np.linalg.lstsq(x, values[near], rcond=None)[0][0])
    return np.array(out)


def cool_corrections(stellar, grid):
    """
    Return offsets (T_eff, kind, filter) of the models, and steps below them, for two kinds.

    The kinds are giants and dwarfs. Both are differences to the official tables
    in the reference range, so that those only give the shape.
    """
    axes = (stellar.m_h, np.log10(stellar.teff), stellar.log_g)
    models = Photometry(
        dict(zip(('m_h', 'log_teff', 'log_g'), axes, strict=True))
        | {'bolometric_correction': grid, 'filters': list(stellar.system.filters), 'laws': []}
        | {'a_v': A_V, 'extinction_log_teff': [], 'extinction_ratio': [[]]}
    )
    teff, log_g, m_h, official = stellar.official()
    offset = official - models.bolometric_correction(np.log10(teff), log_g, m_h).value
    warm = stellar.teff[stellar.teff < REFERENCE[0]]
    offsets, steps = [], []
    for kind in (log_g < GIANT, log_g > DWARF):
        reference = kind & (teff > REFERENCE[0]) & (teff < REFERENCE[1])
        reference = np.median(offset[reference], axis=0)
        offsets.append(smooth(teff[kind], offset[kind], warm) - reference)
        steps.append(smooth(teff[kind], official[kind], np.append(COOL, stellar.teff[0])))
    return np.stack(offsets, axis=1), steps[1][:-1] - steps[1][-1]


def official_corrections(stellar, grid):
    """
    Return what `cool_corrections` does, from the official tables of these or similar filters.
    """
    if stellar.system.official_filters:
        return cool_corrections(stellar, grid)
    johnson = Stellar(stellar.folder, SYSTEMS['johnson'])
    at = np.log(stellar.pivots)
    return tuple(
        interp1d(
            np.log(johnson.pivots),
            values,
            bounds_error=False,
            fill_value=(values[..., 0], values[..., -1]),
        )(at)
        for values in cool_corrections(johnson, johnson.grid())
    )


def build_corrections(stellar):
    """
    Return log T_eff and the corrections (m_h, T_eff, log g, filter) of all stars.
    """
    grid = stellar.grid()
    offsets, dwarfs = official_corrections(stellar, grid)
    dwarf = np.clip((stellar.log_g - GIANT) / (DWARF - GIANT), 0, 1)[:, np.newaxis]
    grid[:, : len(offsets)] += offsets[:, :1] * (1 - dwarf) + offsets[:, 1:] * dwarf
    giants = stellar.giants()
    at = np.log10(np.append(COOL, stellar.teff[0]))
    giants = np.stack([np.interp(at, np.log10(stellar.giant_teff), c) for c in giants.T], axis=1)
    giants = giants[:-1] - giants[-1]
    step = giants[:, np.newaxis] * (1 - dwarf) + dwarfs[:, np.newaxis] * dwarf
    cool = grid[:, :1] + step
    hot = grid[:, -1:] + stellar.hot()[:, np.newaxis]
    log_teff = np.log10(np.concatenate([COOL, stellar.teff, HOT]))
    return log_teff, np.concatenate([cool, grid, hot], axis=1)


def build_extinctions(stellar):
    """
    Return log T_eff and A / A_V (law, R_V, T_eff, a_v, filter) of stars of solar metallicity.

    The model atmospheres are those of log g = 4, or the nearest there is; cool
    giants follow the ratios of their spectra.
    """
    solar = int(np.argmin(np.abs(stellar.m_h)))
    flux = stellar.flux[solar, :, int(np.argmin(np.abs(stellar.log_g - 4)))]
    at = np.log10(np.append(COOL, stellar.teff[0]))
    out = [
        [_ratios(stellar, flux, at, law(Rv=r_v)) for r_v in stellar.system.r_v]
        for law in LAWS.values()
    ]
    return np.log10(np.append(COOL, stellar.teff)), np.array(out)


def _ratios(stellar, flux, at, law):
    """Return A / A_V (T_eff, a_v, filter) of one law."""
    ratios = []
    for a_v in np.maximum(A_V, 1e-3):  # mag: the limit of little dust

        def attenuation(wave, a_v=a_v):
            return 10 ** (-0.4 * a_v * law(1 / (wave * u.AA).to(u.micron)))

        pair = []
        for wave, spectra in ((stellar.wave, flux), (stellar.giant_wave, stellar.giant_flux)):
            clear, dimmed = (spectra @ stellar.weights(wave, a).T for a in (None, attenuation))
            pair.append(-2.5 * np.log10(dimmed / clear) / a_v)
        models, giants = pair
        log_teff = np.log10(stellar.giant_teff)
        giants = np.stack([np.interp(at, log_teff, column) for column in giants.T], axis=1)
        ratios.append(np.concatenate([models[0] + giants[:-1] - giants[-1], models]))
    return np.stack(ratios, axis=1)


def shorten(values, step, system):
    """
    Return values in single precision, rounded to a step if the system allows.
    """
    return (values if system.exact else np.rint(values / step) * step).astype(np.float32)


def compare(photometry, stellar):
    """
    Print the differences to the official tables by temperature.
    """
    teff, log_g, m_h, official = stellar.official()
    ours = photometry.bolometric_correction(np.log10(teff), log_g, m_h).value
    difference = official - ours  # of magnitudes, ours less official
    difference = np.column_stack([difference[:, 0], difference[:, 1] - difference[:, 2]])
    edges = (2000, 3000, 3500, 4000, 4500, 5500, 7000, 10000, 20000, 50000)
    print('ours less official: T_eff, stars, median and 95 % in the first filter and in colour')
    for name, kind in (('dwarfs', log_g > 3.5), ('giants', log_g <= 3.5)):
        for low, high in pairwise(edges):
            part = difference[kind & (teff >= low) & (teff < high)]
            if len(part):
                median, spread = np.median(part, axis=0), np.quantile(np.abs(part), 0.95, axis=0)
                print(f'{name} {low:6d}-{high:6d} {len(part):6d}', median.round(3), spread.round(3))


def describe_vega(system):
    """
    Return in words what the zero points are.
    """
    text = f'Vega (alpha_lyr_stis_011) has magnitude {system.magnitude}'
    if system.vega is None:
        return text
    return f'{text} if it has {system.vega[1]} erg/s/cm2/Angstrom at {system.vega[0]} Angstrom'


def main():
    """
    Compute, write and compare.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--system', choices=sorted(SYSTEMS), required=True)
    parser.add_argument('--data', type=Path, default=os.environ.get('STARCNN_DATA_DIR'))
    parser.add_argument('--output', type=Path, default=Path('starcnn/sky/data'))
    args = parser.parse_args()
    if args.data is None:
        parser.error('give --data or set STARCNN_DATA_DIR')
    system = SYSTEMS[args.system]
    stellar = Stellar(Path(args.data), system)
    log_teff, grid = build_corrections(stellar)
    cool_teff, ratio = build_extinctions(stellar)
    meta = {
        'kind': 'photometry',
        'system': args.system,
        'origin': __doc__.split('\n\n')[1].replace('\n', ' '),
        'throughputs': list(system.filters.values()),
        'zero points': describe_vega(system),
        'official': system.official,
        'bibcodes': [*BIBCODES, *system.bibcodes],
    }
    path = args.output / f'{args.system}.npz'
    arrays = {
        'filters': np.array(list(system.filters)),
        'laws': np.array(list(LAWS)),
        'm_h': stellar.m_h,
        'log_teff': log_teff,
        'log_g': stellar.log_g,
        'bolometric_correction': shorten(grid, CORRECTION_STEP, system),
        'a_v': A_V.astype(float),
        'extinction_log_teff': cool_teff,
        'extinction_ratio': shorten(ratio, RATIO_STEP, system),
        'r_v': np.array(system.r_v),
        'pivot': stellar.pivots,
        'ab_minus_vega': stellar.ab_minus_vega,
    }
    write_table(path, arrays, meta)
    print(f'{path}: {path.stat().st_size} bytes, {compute_sha256(path)}')
    if system.official_filters:
        compare(Photometry.read(path), stellar)


if __name__ == '__main__':
    main()
