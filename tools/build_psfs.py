# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Build the table of point spread functions of the cameras of Hubble.

Each is an optical model drawn with GalSim at five wavelengths of the passband:
the pupil with its spider and pads, the aberrations of the camera, figure
errors of middle spatial frequency as a mean over screens (O'Neill 1956), and
a Gaussian for charge diffusion and jitter. The few free numbers were fitted to
the encircled energies of Tiny Tim 7.5 (option ``--fit`` repeats it); those
of model and Tiny Tim are printed side by side. Run it as::

    python tools/build_psfs.py --data $STARCNN_DATA_DIR
"""

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

import galsim
import numpy as np
from astropy.io import fits
from photutils.aperture import CircularAperture, aperture_photometry
from scipy.optimize import least_squares
from scipy.signal import fftconvolve

from starcnn.files import compute_sha256
from starcnn.images._psf_data import interpolation, pack
from starcnn.sky._table import write_table

ARCSEC = np.degrees(1) * 3600  # in a radian

# The images are drawn with this step, arcsec, and this many pixels; shipped are those below.
STEP, SIZE = 0.01, 801
SHIPPED_STEP, SHIPPED_HALF = 0.0125, 120
TAPER = 1.4, 1.5  # arcsec: between these radii they fall smoothly to zero

# The telescope: diameter, m, and in units of its radius the central obscuration, half the
# width of the spider and the pads that hold the primary mirror, x, y and radius (Krist, Hook
# & Stoehr 2011, Proc. SPIE 8127, 81270J, and the pupil files of Tiny Tim).
DIAMETER, OBSCURATION, HALF_VANE, PAD = 2.4, 0.33, 0.011, 0.065
PADS = (0.8921, 0.0), (-0.4615, 0.7555), (-0.4564, -0.7606)
PUPIL_SIZE, PUPIL_MARGIN = 512, 1.02
WAVES_AT = 547.0  # nm: aberrations are in waves of this light

RADII = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0])  # arcsec
WEIGHTS = np.array([1, 3, 2, 3, 2, 3, 1.5])  # of the radii in the fit


@dataclass(frozen=True, kw_only=True)
class Camera:
    """
    The optics of one camera.

    Parameters
    ----------
    filters, tiny_tim : str
        The first parts of the names of the files of throughputs and of Tiny Tim.

    pixel_scale : float
        The mean size of a pixel, arcsec.

    aberrations : tuple of float
        Coefficients of Noll's Zernike polynomials 4 to 11, waves at 547 nm, as
        the headers of Tiny Tim give them for the centre of the chip.

    angle : float
        The angle of the spider to the pixels, degrees.

    figure, length : float
        The rms wavefront error of middle frequency, nm, and its correlation
        length, m.

    blur : dict of float
        By filter, the width (standard deviation) of charge diffusion and
        jitter, arcsec.
    """

    filters: str
    tiny_tim: str
    pixel_scale: float
    aberrations: tuple
    angle: float
    figure: float
    length: float
    blur: dict


# There is no Tiny Tim file of F606W here: its blur lies between those of its neighbours.
CAMERAS = {
    'ACS/WFC': Camera(
        filters='ACS_WFC',
        tiny_tim='acswfc1',
        pixel_scale=0.0495,
        aberrations=(0.0307, 0.0320, 0.0139, 0.0054, 0.0123, 0.0180, 0.0080, -0.0250),
        angle=90,
        figure=20.4,
        length=0.0867,
        blur={'F435W': 0.0324, 'F475W': 0.0310, 'F555W': 0.0270, 'F606W': 0.0259, 'F814W': 0.0218},
    ),
    'WFC3/UVIS': Camera(
        filters='WFC3_UVIS',
        tiny_tim='wfc3uvis1',
        pixel_scale=0.0396,
        aberrations=(0.0166, -0.0085, 0.0001, -0.0030, -0.0157, 0.0, 0.0, 0.0),
        angle=45,
        figure=19.8,
        length=0.0564,
        blur={
            'F275W': 0.0248,
            'F336W': 0.0248,
            'F438W': 0.0241,
            'F475W': 0.0232,
            'F555W': 0.0224,
            'F606W': 0.0220,
            'F814W': 0.0205,
        },
    ),
}


def wavelengths(data, camera, name, n=5):
    """Return wavelengths, nm, that share the photons of a flat spectrum equally."""
    path = data / 'filters' / f'{camera.filters}_{name}.csv'
    wave, throughput = np.loadtxt(path, delimiter=',', skiprows=1, unpack=True)
    photons = throughput * wave * np.gradient(wave)
    photons[throughput < 0.01 * throughput.max()] = 0  # leaks
    share = np.cumsum(photons) / photons.sum()
    return np.interp((np.arange(n) + 0.5) / n, share, wave) / 10


def pupil(angle):
    """Return the transmission of the telescope as a GalSim image."""
    axis = PUPIL_MARGIN * (2 * np.arange(PUPIL_SIZE) + 1 - PUPIL_SIZE) / PUPIL_SIZE
    x, y = np.meshgrid(axis, axis)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    x, y = c * x + s * y, c * y - s * x
    radius = np.hypot(x, y)
    open_ = (radius < 1) & (radius > OBSCURATION) & (np.minimum(abs(x), abs(y)) > HALF_VANE)
    for x_pad, y_pad in PADS:
        open_ &= np.hypot(x - x_pad, y - y_pad) > PAD
    return galsim.Image(open_.astype(float), scale=DIAMETER * PUPIL_MARGIN / PUPIL_SIZE)


def draw(camera, wave):
    """Return the image of the optics at one wavelength, nm, before all blurring."""
    aberrations = [0.0] * 4 + [value * WAVES_AT / wave for value in camera.aberrations]
    profile = galsim.OpticalPSF(
        lam=wave,
        diam=DIAMETER,
        obscuration=OBSCURATION,
        pupil_plane_im=pupil(camera.angle),
        aberrations=aberrations,
        annular_zernike=True,
        oversampling=2.0,
        pad_factor=1.0,
    )
    image = profile.drawImage(nx=SIZE, ny=SIZE, scale=STEP, method='no_pixel', dtype=float)
    return image.array


def frequencies():
    """Return the frequencies along y and x, per arcsec."""
    return np.fft.fftfreq(SIZE, STEP)[:, None], np.fft.rfftfreq(SIZE, STEP)[None]


def blurred(camera, name, waves, transforms, pixel=0.0):
    """Return the point spread function of a filter, with a pixel if one is given, arcsec."""
    fy, fx = frequencies()
    frequency = np.hypot(fx, fy)
    total = 0
    for wave, transform in zip(waves, transforms, strict=True):
        baseline = frequency * ARCSEC * wave * 1e-9
        error = (2 * np.pi * camera.figure / wave) ** 2
        total = total + transform * np.exp(-error * (1 - np.exp(-baseline / camera.length)))
    blur = np.exp(-2 * (np.pi * camera.blur[name] * frequency) ** 2)
    total = total / len(waves) * blur * np.sinc(fx * pixel) * np.sinc(fy * pixel)
    return np.fft.fftshift(np.fft.irfft2(total, (SIZE, SIZE)))


def energies(image, step, centre, box):
    """Return encircled energies, as fractions of what a square box holds."""
    apertures = [CircularAperture(centre, r / step) for r in RADII]
    table = aperture_photometry(image, apertures)
    inside = abs(np.arange(len(image)) - centre[0]) * step < box / 2
    return np.array([float(table[f'aperture_sum_{i}'][0]) for i in range(len(RADII))]) / (
        image[np.ix_(inside, inside)].sum()
    )


def tiny_tim(data, camera, name):
    """Return the encircled energies of Tiny Tim, with pixel and diffusion, and its box, arcsec."""
    path = data / 'psf' / f'{camera.tiny_tim}_{name.lower()}_sub4.fits'
    if not path.is_file():
        return None
    with fits.open(path) as hdus:
        image, header = hdus[0].data.astype(float), hdus[0].header
    lines = [line.split() for line in header['COMMENT'] if line.strip().startswith('0.')]
    kernel = np.zeros((9, 9))
    kernel[::4, ::4] = np.array(lines, float)
    whole = fftconvolve(fftconvolve(kernel / kernel.sum(), np.ones((4, 4)) / 16), image)
    step = camera.pixel_scale / 4
    # The kernel of 12 x 12 samples moves the centre by 5.5 of them.
    y, x = np.array(np.unravel_index(image.argmax(), image.shape)) + 5.5
    box = len(image) * step
    return energies(whole, step, (x, y), 2 * len(whole) * step), box


def compare(camera, name, waves, transforms, box):
    """Return the encircled energies of the model in the pixels of the camera."""
    image = blurred(camera, name, waves, transforms, camera.pixel_scale)
    return energies(image, STEP, (SIZE // 2, SIZE // 2), box)


def fit(camera, drawn, references):
    """Return a camera whose figure errors and blurs are fitted to Tiny Tim."""
    names = list(references)

    def changed(p):
        blur = camera.blur | dict(zip(names, map(float, p[2:]), strict=True))
        blur['F606W'] = 0.8 * blur['F555W'] + 0.2 * blur['F814W']
        return replace(camera, figure=float(p[0]), length=float(p[1]), blur=blur)

    def residuals(p):
        new = changed(p)
        out = []
        for name, (reference, box) in references.items():
            out.append(WEIGHTS * (compare(new, name, *drawn[name], box) / reference - 1))
        return np.concatenate(out)

    start = [camera.figure, camera.length, *(camera.blur[name] for name in names)]
    scale = [10, 0.1, *[0.01] * len(names)]
    return changed(least_squares(residuals, start, x_scale=scale, max_nfev=10).x)


def shipped(image):
    """Return the samples to ship; their sum is the part of the light that they hold."""
    axis = STEP * (np.arange(SIZE) - SIZE // 2)
    target = SHIPPED_STEP * np.arange(-SHIPPED_HALF, SHIPPED_HALF + 1)
    matrix = interpolation(axis, target, ()) * SHIPPED_STEP / STEP
    distance = np.hypot(target, target[:, None])
    phase = np.clip((distance - TAPER[0]) / (TAPER[1] - TAPER[0]), 0, 1)
    return matrix @ image @ matrix.T * np.cos(np.pi / 2 * phase) ** 2


def main():
    """Build the table, and print how it compares with Tiny Tim."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data', type=Path, default=os.environ.get('STARCNN_DATA_DIR'))
    parser.add_argument('--fit', action='store_true', help='fit the free numbers first')
    root = Path(__file__).parents[1] / 'starcnn' / 'images' / 'data'
    parser.add_argument('--out', type=Path, default=root / 'psf_hst.npz')
    args = parser.parse_args()
    arrays = {}
    print('radii (arcsec)        ', *(f'{r:7.2f}' for r in RADII))
    for instrument, camera in CAMERAS.items():
        drawn, references = {}, {}
        for name in camera.blur:
            waves = wavelengths(args.data, camera, name)
            images = np.array([draw(camera, wave) for wave in waves])
            drawn[name] = waves, np.fft.rfft2(np.fft.ifftshift(images, axes=(1, 2)))
            if (reference := tiny_tim(args.data, camera, name)) is not None:
                references[name] = reference
        if args.fit:
            camera = fit(camera, drawn, references)
            print(camera)
        for name, (waves, transforms) in drawn.items():
            if name in references:
                reference, box = references[name]
                model = compare(camera, name, waves, transforms, box)
                print(f'{instrument} {name} Tiny Tim', *(f'{v:7.4f}' for v in reference))
                print(f'{instrument} {name} model   ', *(f'{v:7.4f}' for v in model))
                print(f'{instrument} {name} ratio   ', *(f'{v:7.4f}' for v in model / reference))
            image = blurred(camera, name, waves, transforms)
            arrays |= pack(f'{instrument} {name}', shipped(image))
    meta = {
        'kind': 'point spread functions',
        'step': SHIPPED_STEP,
        'origin': 'tools/build_psfs.py; compared with Tiny Tim 7.5 (2011SPIE.8127E..0JK)',
    }
    args.out.parent.mkdir(exist_ok=True)
    write_table(args.out, arrays, meta)
    print(f'{args.out}: {args.out.stat().st_size} bytes, sha256 {compute_sha256(args.out)}')


if __name__ == '__main__':
    main()
