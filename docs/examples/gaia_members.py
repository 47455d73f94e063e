# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Members of a cluster, by source identifier, from the Gaia archive."""

from astropy.table import Table
from astroquery.gaia import Gaia

identifiers = Table.read('identifiers.ecsv')  # columns: source_id, cluster, prob_member
query = """
SELECT identifiers.cluster, identifiers.prob_member, source_id,
       phot_g_mean_mag, phot_g_mean_flux_over_error,
       phot_bp_mean_mag, phot_bp_mean_flux_over_error,
       phot_rp_mean_mag, phot_rp_mean_flux_over_error,
       parallax, parallax_error, ra, dec, pmra, pmdec
FROM gaiadr2.gaia_source
JOIN tap_upload.identifiers USING (source_id)
"""
job = Gaia.launch_job_async(query, upload_resource=identifiers, upload_table_name='identifiers')
job.get_results().write('members.ecsv')
