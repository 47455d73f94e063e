# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Likely members of NGC 2682 in a cone, from the Gaia archive."""

from astroquery.gaia import Gaia

query = """
SELECT source_id,
       phot_g_mean_mag, phot_g_mean_flux_over_error,
       phot_bp_mean_mag, phot_bp_mean_flux_over_error,
       phot_rp_mean_mag, phot_rp_mean_flux_over_error,
       parallax, parallax_error, ra, dec, pmra, pmdec
FROM gaiadr2.gaia_source
WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 132.85, 11.81, 0.5))
  AND phot_g_mean_mag < 18
  AND ABS(parallax - 1.135) < 3 * parallax_error
  AND POWER(pmra + 10.99, 2) + POWER(pmdec + 2.96, 2) < 0.8
"""
members = Gaia.launch_job_async(query).get_results()
members['cluster'] = 'NGC_2682'
members.write('members.ecsv')
