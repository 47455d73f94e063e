# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Pack the weights of ImageNet that trainings of stamps begin with.

Origin: MobileNetV2 1.0, 224 pixels, 8 bits, of Google's Coral test data (Apache License 2.0), as
``weights/mobilenet_v2_imagenet_int8.npz``. Changed here: the layer of ImageNet's 1001 classes is
left out, and the arrays are compressed. The licence and the
notice are in the files ``LICENSE_MobileNetV2.txt`` and ``NOTICE_MobileNetV2.txt`` beside it.

Usage: python tools/pack_mobilenet_v2.py $STARCNN_DATA_DIR/weights/mobilenet_v2_imagenet_int8.npz
"""

import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np

from starcnn.files import DataFile, compute_sha256, to_toml

OUTPUT = Path(__file__).parents[1] / 'starcnn/families/phangs_hst/data/mobilenet_v2-1.0.0.npz'
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is run


def main(path):
    """
    Write the file, and print the block of files.toml.
    """
    with np.load(path, allow_pickle=False) as stored:
        n = len(stored['meta']) - 1
        arrays = {f'q{k}': stored[f'q{k}'] for k in range(n)}
        arrays |= {f'b{k}': stored[f'b{k}'].astype(np.float32) for k in range(n)}
        arrays |= {'scale': stored['scale'][:n], 'zero': stored['zero'][:n]}
    with zipfile.ZipFile(OUTPUT, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            stream = BytesIO()
            np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f'{name}.npy', EPOCH), stream.getvalue(), zipfile.ZIP_DEFLATED
            )
    file = DataFile(
        tag=OUTPUT.stem,
        file=OUTPUT.name,
        sha256=compute_sha256(OUTPUT),
        size=OUTPUT.stat().st_size,
        license='Apache-2.0',
        notes='MobileNetV2 1.0 of ImageNet in 8 bits, which trainings begin with; '
        'tools/pack_mobilenet_v2.py',
    )
    print(to_toml(file, 'data'), end='')


if __name__ == '__main__':
    main(sys.argv[1])
