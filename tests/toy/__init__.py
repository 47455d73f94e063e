# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A family for the tests: four tasks on tiny images, with networks that are formulas.
"""

from starcnn.plugins import hookimpl


class Toy:
    """
    The plugin, with its network files in a folder of the test's choice.
    """

    def __init__(self, folder):
        from .files import write_files

        self.folder = folder
        self.files = write_files(folder)

    @hookimpl
    def starcnn_simulators(self):
        """Offer the simulator."""
        from .simulator import BACKEND

        return [BACKEND]

    @hookimpl
    def starcnn_estimators(self):
        """Offer the estimator."""
        from .estimator import make_backend

        return [make_backend(self.files['estimator'])]

    @hookimpl
    def starcnn_classifiers(self):
        """Offer the classifier."""
        from .classifier import make_backend

        return [make_backend(self.files['classifier'])]

    @hookimpl
    def starcnn_mass_mappers(self):
        """Offer the mass mapper."""
        from .mass_mapper import make_backend

        return [make_backend(self.files['mass_mapper'])]

    @hookimpl
    def starcnn_recipes(self):
        """Offer the recipe."""
        from .network import RECIPE

        return [RECIPE]

    @hookimpl
    def starcnn_claims(self):
        """Offer the claims."""
        from .validation import CLAIMS

        return CLAIMS

    @hookimpl
    def starcnn_locate_file(self, file):
        """Say where the network files are."""
        path = self.folder / file.file
        return path if path.is_file() else None
