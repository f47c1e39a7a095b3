"""One job on several processes: work is shared evenly, and nobody waits for the dead."""

import heapq
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.errors import ParallelError
from ptypy.utils import parallel
from ptypy.utils.parallel import LoadManager


def shares(manager, amount):
    return [len(positions) for positions in manager.assign(range(amount))]


@pytest.mark.parametrize(
    ("size", "calls"),
    [
        (3, [(10, [3, 3, 4]), (10, [3, 4, 3])]),
        (4, [(3, [0, 1, 1, 1]), (3, [1, 0, 1, 1])]),
        (2, [(5, [2, 3]), (3, [2, 1]), (1, [0, 1])]),
        (1, [(5, [5]), (0, [0])]),
    ],
)
def test_what_does_not_divide_goes_to_the_highest_ranks_and_is_made_up_for(size, calls):
    manager = LoadManager(size)
    for amount, expected in calls:
        assert shares(manager, amount) == expected


def test_one_piece_without_a_name_goes_to_the_least_busy():
    manager = LoadManager(3)
    assert manager.assign(None) == [[], [], [0]]
    assert manager.assign() == [[], [0], []]
    assert manager.load == [0, 1, 1]
    assert manager.rank_of == {}


def test_the_books_say_who_has_what_until_they_are_reset():
    manager = LoadManager(2)
    manager.assign(["a", "b", "c"])
    assert manager.rank_of == {"a": 0, "b": 1, "c": 1}
    assert manager.load == [1, 2]
    manager.reset()
    assert manager.rank_of == {}
    assert manager.load == [0, 0]


@given(st.integers(1, 9), st.lists(st.integers(0, 50), max_size=6))
@settings(deadline=None, max_examples=200)
def test_every_piece_goes_to_exactly_one_process_and_loads_differ_by_one_at_most(size, amounts):
    manager = LoadManager(size)
    for amount in amounts:
        assigned = manager.assign(range(amount))
        assert [k for positions in assigned for k in positions] == list(range(amount))
        assert max(manager.load) - min(manager.load) <= 1
    assert sum(manager.load) == sum(amounts)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(0, 40))
@settings(deadline=None, max_examples=200)
def test_uneven_loads_are_filled_up_as_if_each_piece_went_to_the_least_busy(loads, amount):
    manager = LoadManager(len(loads))
    manager.load[:] = loads
    heap = [(load, -rank) for rank, load in enumerate(loads)]
    heapq.heapify(heap)
    for _ in range(amount):
        load, rank = heap[0]
        heapq.heapreplace(heap, (load + 1, rank))
    manager.assign(range(amount))
    assert manager.load == [load for load, _ in sorted(heap, key=lambda item: -item[1])]


def test_a_process_alone_needs_no_mpi():
    script = (
        "import sys, numpy as np\n"
        "from ptypy.utils import parallel as p\n"
        "a = np.arange(3.)\n"
        "assert (p.size, p.rank, p.master, p.MPIenabled) == (1, 0, True, False)\n"
        "assert p.allreduce(a) is a and p.bcast(a) is a and p.allreduce(5) == 5\n"
        "assert p.MPIsum(a) == 3 and p.MPImax(a) == 2 and p.MPImin(a) == 0 and p.MPIprod(a) == 0\n"
        "assert p.gather_dict({1: 2}) == p.allgather_dict({1: 2}) == {1: 2}\n"
        "assert p.bcast_dict({1: 2, 3: 4}, keys=[3]) == {3: 4}\n"
        "assert p.gather_list([5], 3, [1]) == [None, 5, None]\n"
        "assert p.hosts_ranks == {'localhost': [0]} and p.rank_local == 0\n"
        "p.barrier()\n"
        "assert not [m for m in sys.modules if m.startswith('mpi4py')]\n"
    )
    environment = {"PATH": ""}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_several_processes_without_mpi4py_are_not_left_to_overwrite_each_other():
    script = (
        "import sys; sys.modules['mpi4py'] = None\n"
        "import importlib.util as util\n"
        "util.find_spec = lambda name: None\n"
        "from ptypy.utils import parallel\n"
        "parallel.size\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={"PMI_RANK": "0", "PMI_SIZE": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 processes were started, but mpi4py is not installed" in result.stderr


def test_there_is_nobody_to_send_to_when_alone():
    with pytest.raises(ParallelError, match="no other process"):
        parallel.send(1, dest=0)
    with pytest.raises(ParallelError, match="no other process"):
        parallel.receive()


def test_a_list_whose_places_do_not_match_is_refused():
    with pytest.raises(ParallelError, match="2 members cannot be put at 1 places"):
        parallel.gather_list([1, 2], 3, [0])


def test_leaving_alone_is_a_plain_exit():
    with pytest.raises(SystemExit) as info:
        parallel.abort(3)
    assert info.value.code == 3


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="sise"):
        _ = parallel.sise
    assert "size" in dir(parallel)


def test_noise_has_the_strength_and_the_grain_that_was_asked_for():
    np.random.seed(1)  # noqa: NPY002 -- what a script does that wants the same again
    field = parallel.MPInoise2d((256, 256), rms=0.3, mfs=8, rms_mod=0.1)
    assert np.angle(field).std() == pytest.approx(0.3, rel=1e-6)
    assert abs(np.abs(field).mean() - 1) < 0.01
    assert np.abs(field).std() == pytest.approx(0.1, rel=0.01)
    fine = np.angle(parallel.MPInoise2d((256, 256), rms=0.3, mfs=2))
    coarse = np.angle(field)
    assert np.abs(np.diff(coarse)).mean() < 0.5 * np.abs(np.diff(fine)).mean()


TOGETHER = """
import numpy as np
from ptypy.utils import parallel as p
r = p.rank
assert p.size == 2 and p.MPIenabled and p.master == (r == 0)
assert sum(len(ranks) for ranks in p.hosts_ranks.values()) == 2

# sums, in place, also of what is not contiguous
a = np.arange(12.0).reshape(3, 4) * (r + 1)
p.allreduce(a[:, ::2])
assert (a[:, ::2] == 3 * np.arange(12.0).reshape(3, 4)[:, ::2]).all()
assert (a[:, 1::2] == (r + 1) * np.arange(12.0).reshape(3, 4)[:, 1::2]).all()
assert p.allreduce(r + 1) == 3 and p.allreduce(r, op=p.MPI.MAX) == 1
zero = np.array(r + 1.0)
assert p.allreduce(zero) is zero and zero == 3
seen = p.allreduce(np.array([r == 0, r == 1, False]))
assert seen.dtype == bool and seen.tolist() == [True, True, False]
assert p.allreduce(np.array([True, r == 0]), op=p.MPI.MIN).tolist() == [True, False]
swapped = np.array([1.5, r], dtype=">f8")
assert p.allreduce(swapped) is swapped and swapped.tolist() == [3, 1]
assert p.MPImax(np.array([[r == 0, False]]), axis=0).tolist() == [True, False]
assert p.MPIsum(np.ones((2, 3)), axis=0).tolist() == [4, 4, 4]
assert p.MPImin([r + 5]) == 5 and p.MPImax([r]) == 1 and p.MPIprod([r + 1, 2]) == 8

# every kind of content goes round unchanged
for sent in (np.ones((2, 3), bool), np.arange(5)[::2], np.zeros((0, 3)), np.array(3 + 1j),
             np.arange(6, dtype=">i2").reshape(2, 3).T, {"a": 1}, None, "text"):
    got = p.bcast(sent if p.master else None)
    assert type(got) is type(sent) and np.array_equal(got, sent), sent
    if isinstance(sent, np.ndarray):
        assert got.dtype == sent.dtype and got.shape == sent.shape

frames = {10 * r + k: np.full((2, 2), 10 * r + k, np.uint16) for k in range(3)}
frames[f"note{r}"] = {"rank": r}
whole = p.gather_dict(frames)
assert len(whole) == (8 if p.master else 0)
whole = p.allgather_dict(frames)
assert list(whole)[0] == 0 and whole[12][1, 1] == 12 and whole["note1"] == {"rank": 1}
assert set(p.bcast_dict(frames, keys=[0, 2], source=0)) == {0, 2}
assert p.gather_list([f"r{r}"], 3, [2 * r]) == ["r0", None, "r1"]

if p.master:
    p.send(frames[0], dest=1)
    p.send({"x": 1}, dest=1, tag=3)
else:
    assert (p.receive(0) == 0).all()
    assert p.receive(tag=3) == {"x": 1}
same = p.MPIrand_normal(size=4)
assert np.array_equal(p.bcast(same, source=1), same)
assert p.loadmanager.assign(range(3)) == [[0], [1, 2]]
p.barrier()

from ptypy.utils import verbose
verbose.set_level("INFO")
verbose.log(3, "for all")
verbose.log(3, "from each", parallel=True)
"""


@pytest.mark.mpi
def test_two_processes_give_each_other_what_they_have(mpirun):
    result = mpirun(TOGETHER)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("for all") == 1
    assert result.stdout.count("from each") == 2


@pytest.mark.mpi
def test_an_exception_on_one_process_ends_all_with_its_message(mpirun):
    result = mpirun(
        "from ptypy.utils import parallel\n"
        "if parallel.rank == 1:\n"
        "    raise ValueError('the detector is on fire')\n"
        "parallel.barrier()\n",
        timeout=60,
    )
    assert result.returncode != 0
    assert "process 1 of 2 failed" in result.stderr
    assert "the detector is on fire" in result.stderr


LEAVING = """
import sys
from ptypy.utils import parallel
print("process", parallel.rank)
if {who}:
    sys.exit({code})
parallel.barrier()
"""


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("who", "code", "expected"),
    [("parallel.rank == 1", 3, 3), ("parallel.rank == 0", "'no such file'", 1)],
)
def test_a_process_that_leaves_with_an_error_ends_those_that_would_wait(
    mpirun, who, code, expected
):
    result = mpirun(LEAVING.format(who=who, code=code), timeout=60)
    assert result.returncode == expected
    assert f"left with exit code {expected} while others went on" in result.stderr


@pytest.mark.mpi
def test_processes_that_all_leave_with_the_same_error_end_without_more_words(mpirun):
    result = mpirun(LEAVING.format(who=True, code=4), timeout=60)
    assert result.returncode == 4
    assert result.stdout.count("process") == 2
    assert result.stderr == ""


@pytest.mark.mpi
def test_an_exit_that_is_caught_ends_nothing(mpirun):
    result = mpirun(
        "import sys\n"
        "from ptypy.utils import parallel\n"
        "try:\n"
        "    sys.exit(5 * parallel.rank)\n"
        "except SystemExit as leaving:\n"
        "    assert leaving.code == 5 * parallel.rank\n"
        "parallel.barrier()\n"
    )
    assert (result.returncode, result.stderr) == (0, "")
