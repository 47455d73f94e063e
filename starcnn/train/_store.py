# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Arrays in a Zarr store, in chunks of rows that are mapped into memory as they are needed.
"""

from pathlib import Path

import numpy as np

from starcnn.exceptions import DataFileError

GROUPS = ('inputs', 'starts', 'truth')

# Of a chunk that is not that of a simulator; hosts of files have limits of 16 MiB.
_CHUNK_BYTES = 8 << 20

# Inputs with smaller rows are kept in memory.
_ROW_BYTES = 1 << 10

PARTS = 'parts'  # the folder of what is not yet in the store

_CRC_BYTES = 4  # at the end of each chunk

# Chunks that are mapped at once; Linux allows a process 65530 maps.
_N_MAPS = 16384


class Rows:
    """
    The rows of an array in a Zarr store; each chunk is checked when it is first read.
    """

    def __init__(self, array, folder):
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.nbytes = int(np.prod(array.shape)) * array.dtype.itemsize
        self._n_rows = array.chunks[0]
        self._folder = Path(folder)
        self._suffix = '.0' * (array.ndim - 1)
        self._maps, self._checked = {}, set()

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        """Return some rows as an array in memory."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        chunks = rows // self._n_rows
        order = np.argsort(chunks, kind='stable')
        ends = np.flatnonzero(np.diff(chunks[order])) + 1
        for part in np.split(order, ends) if len(order) else ():
            chunk = int(chunks[part[0]])
            out[part] = self._map(chunk)[rows[part] - chunk * self._n_rows]
        return out

    def _map(self, chunk):
        """Return the array of a chunk, mapped into memory."""
        if chunk in self._maps:
            return self._maps[chunk]
        path = self._folder / f'c.{chunk}{self._suffix}'
        shape = (self._n_rows, *self.shape[1:])
        try:
            data = np.memmap(path, np.uint8, mode='r')
        except (OSError, ValueError) as error:
            msg = f'folder must hold a whole bank, got none of {path}: {error}'
            raise DataFileError(msg) from None
        if chunk not in self._checked:
            self._check(data, path)
            self._checked.add(chunk)
        if len(self._maps) >= _N_MAPS:
            del self._maps[next(iter(self._maps))]
        self._maps[chunk] = data[:-_CRC_BYTES].view(self.dtype).reshape(shape)
        return self._maps[chunk]

    def _check(self, data, path):
        """Raise if a chunk is not what was written."""
        import google_crc32c

        size = self._n_rows * self.nbytes // max(1, len(self)) + _CRC_BYTES
        crc = int.from_bytes(data[-_CRC_BYTES:].tobytes(), 'little')
        if len(data) != size or google_crc32c.value(data[:-_CRC_BYTES].tobytes()) != crc:
            msg = f'folder must hold a bank as it was written, got other contents in {path}'
            raise DataFileError(msg)


def part_path(folder, index):
    """Return the file with what is not yet in the store of a chunk; it says that the chunk is."""
    return Path(folder) / PARTS / f'{index:06d}.npz'


def open_group(folder):
    """Return the Zarr group of a folder, or `None` where there is none."""
    import zarr

    if not (Path(folder) / 'zarr.json').is_file():
        return None
    return zarr.open_group(folder, mode='r+', zarr_format=3)


def create_group(folder, attributes):
    """Return a new Zarr group in a folder."""
    import zarr

    Path(folder).mkdir(parents=True, exist_ok=True)
    return zarr.create_group(folder, zarr_format=3, attributes=attributes, overwrite=False)


def create_array(group, name, shape, dtype, *, n_rows=None):
    """Return a new Zarr array with chunks of so many rows, not compressed, with checksums."""
    from zarr.codecs import BytesCodec, Crc32cCodec

    row = max(1, int(np.prod(shape[1:])) * np.dtype(dtype).itemsize)
    n_rows = max(1, min(shape[0], _CHUNK_BYTES // row)) if n_rows is None else n_rows
    return group.create_array(
        name,
        shape=tuple(int(n) for n in shape),
        dtype=np.dtype(dtype).newbyteorder('<'),
        chunks=(n_rows, *shape[1:]),
        filters=None,
        serializer=BytesCodec(endian='little') if np.dtype(dtype).itemsize > 1 else BytesCodec(),
        compressors=[Crc32cCodec()],
        chunk_key_encoding={'name': 'default', 'separator': '.'},
        config={'write_empty_chunks': True},
        overwrite=True,
    )


def read_arrays(group, folder):
    """
    Return the arrays of each group by name: large inputs as `Rows`, all others in memory.
    """
    found = {name: {} for name in GROUPS}
    for kind in GROUPS:
        if kind not in group:
            continue
        for name, array in sorted(group[kind].arrays()):
            path = Path(folder) / kind / name
            _check_chunks(array, path)
            is_set = name in group.get('starts', ())
            is_large = array.nbytes > _ROW_BYTES * max(1, array.shape[0])
            is_lazy = kind == 'inputs' and is_large and not is_set
            found[kind][name] = Rows(array, path) if is_lazy else array[:]
    return found


def _check_chunks(array, path):
    """Raise if a chunk is not there, as Zarr takes it for zeros then."""
    n_chunks = -(-array.shape[0] // array.chunks[0])
    n_found = sum(1 for _ in Path(path).glob('c.*'))
    if n_found != n_chunks:
        msg = f'folder must hold a whole bank, got {n_found} of {n_chunks} chunks in {path}'
        raise DataFileError(msg)
