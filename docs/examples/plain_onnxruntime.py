# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measure one cluster with numpy and onnxruntime: python plain_onnxruntime.py WEIGHTS STARS."""

import json
import math
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
spec = json.loads(session.get_modelmeta().custom_metadata_map['starcnn_spec'])
stars = np.load(sys.argv[2])[np.newaxis].astype(np.float32)  # columns: spec['inputs'][0]['columns']
mixture = session.run(None, {spec['inputs'][0]['name']: stars})[0][0].astype(float)
cdf = np.vectorize(lambda t: 0.5 * math.erfc(-t / math.sqrt(2)))
for k, parameter in enumerate(spec['outputs'][0]['parameters']):
    # The rows of the Cholesky factor follow the weight and the three means.
    sigma = np.linalg.norm(mixture[:, 4 + k * (k + 1) // 2 :][:, : k + 1], axis=1)
    x = np.linspace(*parameter['bounds'], 10001)[:, np.newaxis]
    median = np.interp(0.5, cdf((x - mixture[:, 1 + k]) / sigma) @ mixture[:, 0], x[:, 0])
    print(parameter['name'], 10**median if parameter['log'] else median, parameter['unit'])
