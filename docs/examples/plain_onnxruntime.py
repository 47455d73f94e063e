# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measure one cluster with numpy and onnxruntime alone."""

import json
import math
import sys

import numpy as np
import onnxruntime

weights, stars = sys.argv[1:]  # an ONNX file; a .npy file of stars, one row each
session = onnxruntime.InferenceSession(weights, providers=['CPUExecutionProvider'])
spec = json.loads(session.get_modelmeta().custom_metadata_map['starcnn_spec'])
print('columns:', list(zip(spec['inputs'][0]['columns'], spec['inputs'][0]['units'], strict=True)))

inputs = {spec['inputs'][0]['name']: np.load(stars).astype(np.float32)[np.newaxis]}
mixture = session.run([spec['outputs'][0]['name']], inputs)[0][0].astype(float)
parameters = spec['outputs'][0]['parameters']
cdf = np.vectorize(lambda t: 0.5 * math.erfc(-t / math.sqrt(2)))
for k, parameter in enumerate(parameters):
    first = 1 + len(parameters) + k * (k + 1) // 2  # of this row of the Cholesky factor
    sigma = np.linalg.norm(mixture[:, first : first + k + 1], axis=1)
    x = np.linspace(*parameter['bounds'], 10001)[:, np.newaxis]
    median = np.interp(0.5, cdf((x - mixture[:, 1 + k]) / sigma) @ mixture[:, 0], x[:, 0])
    print(parameter['name'], 10**median if parameter['log'] else median, parameter['unit'])
