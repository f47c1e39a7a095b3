import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from ptypy.accelerate import (
    default_threads,
    initial_waves,
    likelihood_gradient,
    line_coefficients,
    model_error,
    object_sums,
    probe_sums,
    project,
)
from ptypy.errors import ParameterError


@pytest.fixture
def case(case_of_either_field):
    return case_of_either_field


def run_everything(case, threads):
    """Every kernel that shares frames between threads, and all that it changes."""
    place = (case.probe, case.obj, case.corners)
    waves = case.packed_waves.copy()
    fresh = np.empty_like(waves)
    initial_waves(case.transform, fresh, *place, threads=threads)
    options = {"coefficients": (-0.9, 1.0, 1.9), "threads": threads}
    errors = project(case.transform, waves, *place, case.packed_amplitude, **options)
    bounded = case.packed_waves.copy()
    fused = [np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)]
    project(
        case.transform,
        bounded,
        *place,
        case.packed_amplitude,
        power_bound=0.3,
        object_numerator=fused[0],
        object_denominator=fused[1],
        **options,
    )
    sums = [np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)]
    object_sums(case.transform, waves, case.probe, case.corners, *sums, threads=threads)
    more = [np.zeros_like(case.probe), np.zeros(case.shape, np.float32)]
    probe_sums(case.transform, waves, case.obj, case.corners, *more, threads=threads)
    models = model_error(case.transform, *place, case.packed_amplitude, threads=threads)
    result = [fresh, waves, bounded, errors[:, ::2], *fused, *sums, *more, models]
    return result if case.transfer is not None else result + run_likelihood(case, threads)


def run_likelihood(case, threads):
    """The kernels of maximum likelihood, and all that they change."""
    place = (case.probe, case.obj, case.corners)
    slopes, scale = [np.zeros_like(case.probe), np.zeros_like(case.obj)], np.ones(len(case.corners))
    misfits = likelihood_gradient(
        case.transform,
        *place,
        case.packed_counts,
        *slopes,
        scale=scale,
        update_scale=True,
        threads=threads,
    )
    line = line_coefficients(
        case.transform,
        case.probe,
        case.obj,
        *slopes,
        case.corners,
        case.packed_counts,
        threads=threads,
    )
    return [*slopes, scale, misfits, line]


@pytest.mark.parametrize("threads", [2, 3, 20])
def test_threads_change_nothing_but_rounding(case, far, threads):
    alone, shared = run_everything(case, 1), run_everything(case, threads)
    assert max(far(a, b) for a, b in zip(shared, alone, strict=True)) < 2e-6


def test_the_same_number_of_threads_gives_the_same_bits(case):
    first, second = run_everything(case, 3), run_everything(case, 3)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_two_runs_at_once_do_not_disturb_each_other(make_case):
    cases = [make_case((44, 70), modes, seed=modes) for modes in (1, 2)]
    expected = [run_everything(case, 2) for case in cases]
    wrong = []

    def work(k):
        for _ in range(5):
            result = run_everything(cases[k], 2)
            if not all(np.array_equal(a, b) for a, b in zip(result, expected[k], strict=True)):
                wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_the_environment_decides_how_many_threads(monkeypatch):
    monkeypatch.setenv("PTYPY_NUM_THREADS", "7")
    assert default_threads() == 7


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_number_of_threads_that_is_none_is_refused(monkeypatch, value):
    monkeypatch.setenv("PTYPY_NUM_THREADS", value)
    with pytest.raises(ParameterError, match="PTYPY_NUM_THREADS"):
        default_threads()


@pytest.mark.parametrize("name", ["MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE"])
def test_processes_of_one_job_share_the_processors_of_a_machine(monkeypatch, name):
    monkeypatch.delenv("PTYPY_NUM_THREADS", raising=False)
    alone = default_threads()
    monkeypatch.setenv(name, str(alone))
    assert default_threads() == 1
    monkeypatch.setenv(name, str(100 * alone))
    assert default_threads() == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no processor affinity here")
def test_a_process_bound_to_one_processor_uses_one_thread(monkeypatch):
    monkeypatch.delenv("PTYPY_NUM_THREADS", raising=False)
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert default_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)


FORKED = """
import os, numpy as np
from ptypy.accelerate import Transform, model_error
transform = Transform((16, 16))
probe = np.ones((1, 16, 16), np.complex64)
dark = transform.pack_measured(np.zeros((4, 16, 16)), np.ones((16, 16), bool))
def light():
    return model_error(transform, probe, probe[0], np.zeros((4, 2), int), dark, threads=3)[:, 0]
before = light()
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(light(), before) else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_kernels_work_in_the_child_of_a_fork():
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    assert subprocess.run(command, timeout=120, check=False).returncode == 0
