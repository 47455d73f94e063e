# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.chunks.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from starcnn.mocks import chunks, draw_chunks


@dataclass(frozen=True, kw_only=True)
class Job:
    """
    A number of random numbers.
    """

    seed: int
    n: int = 3


JOBS = [Job(seed=1), Job(seed=2), Job(seed=3, n=5)]


def draw(job):
    """
    Return random numbers, and words, which must not become objects.
    """
    numbers = np.random.default_rng(job.seed).random(job.n)
    return {'numbers': numbers, 'words': np.array(['a'] * job.n)}


def refuse(job):
    """
    Fail: there is nothing to draw.
    """
    msg = f'{job} must be there'
    raise AssertionError(msg)


def test_chunks_are_in_order():
    """Each job has its chunk."""
    drawn = draw_chunks(draw, iter(JOBS), n_workers=1)
    assert [len(chunk['numbers']) for chunk in drawn] == [3, 3, 5]
    for job, chunk in zip(JOBS, drawn, strict=True):
        np.testing.assert_array_equal(chunk['numbers'], draw(job)['numbers'])


def test_chunks_are_kept(tmp_path):
    """What is there is read with all its arrays; only what is missing is drawn."""
    folder = tmp_path / 'new' / 'mocks'
    first = draw_chunks(draw, JOBS[:2], folder=folder, n_workers=1)
    again = draw_chunks(refuse, JOBS[:2], folder=str(folder), n_workers=1)
    for old, new in zip(first, again, strict=True):
        assert list(old) == list(new)
        for name in old:
            np.testing.assert_array_equal(old[name], new[name])
    with pytest.raises(AssertionError, match='seed=3, n=5'):
        draw_chunks(refuse, JOBS, folder=folder, n_workers=1)
    assert len(list(folder.iterdir())) == 2
    assert not list(folder.glob('*.part'))


def test_interrupted_work_goes_on(tmp_path):
    """Chunks that were drawn before a failure are kept."""

    def fail_at_last(job):
        """Draw all jobs but one."""
        return draw(job) if job.seed < 3 else refuse(job)

    with pytest.raises(AssertionError):
        draw_chunks(fail_at_last, JOBS, folder=tmp_path, n_workers=1)
    assert len(list(tmp_path.glob('*.npz'))) == 2
    draw_chunks(refuse, JOBS[:2], folder=tmp_path, n_workers=1)


def test_other_versions_are_not_read(tmp_path, monkeypatch):
    """A version of the package draws anew what another has drawn."""
    draw_chunks(draw, JOBS[:1], folder=tmp_path, n_workers=1)
    monkeypatch.setattr(chunks, 'version', lambda name: 'other')
    with pytest.raises(AssertionError):
        draw_chunks(refuse, JOBS[:1], folder=tmp_path, n_workers=1)


@pytest.mark.slow
def test_processes_make_no_difference():
    """Two processes draw what one does; the function is one of the package."""
    from starcnn.families.m31_phat._mocks import _draw, make_jobs

    jobs = make_jobs(2, chunk=1)
    one, two = (draw_chunks(_draw, jobs, n_workers=n) for n in (1, 2))
    for first, second in zip(one, two, strict=True):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
