"""Kill writers of a prepared scan, many times; test_ptyd_killed.py starts this as a process.

Usage: _kill_writers.py (steps | times | anew) SCENARIO DIRECTORY (STRIDE | COUNT)
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import h5py
import numpy as np

from ptypy.io import ptyd

SHAPE = (3, 6, 8)
CHUNKS = 3
RNG = np.random.default_rng(5)
FRAMES = RNG.poisson(9, (CHUNKS, *SHAPE)).astype(np.uint16)
PLACES = RNG.normal(size=(CHUNKS, SHAPE[0], 2))
MASK = RNG.random(SHAPE[1:]) > 0.2
META = {"energy": 8.0, "distance": 1.0, "psize": 1e-4, "num_frames": CHUNKS * SHAPE[0]}
SCENARIOS = {
    "append": {},
    "gzip": {"compression": "gzip"},
    "bitshuffle": {"compression": "bitshuffle"},
    "link": {"links": True},
    "masks": {"changes_mask": True},
    "masks_link": {"links": True, "changes_mask": True},
}
STEPS = ("open", "pwrite", "write", "ftruncate", "fsync", "replace", "rename", "unlink", "link")


def write(path, number, links=False, changes_mask=False, **options):
    """Append one chunk; from the third on with another mask, where the scenario says so."""
    if links:
        options["link"] = f"{path}.chunk{number:02d}"
    mask = ~MASK if changes_mask and number > 1 else MASK
    first = number * SHAPE[0]
    indices = np.arange(first, first + SHAPE[0])
    ptyd.append_chunk(path, number, FRAMES[number], indices, PLACES[number], mask, **options)


def write_rest(path, scenario, tell=lambda number: None):
    """Go on where a writer before was interrupted, to the end."""
    ptyd.tidy_up(path)
    if not path.exists():
        ptyd.create(path, META, {"label": "x"}, announces_end=True)
    for number in range(len(ptyd.PtydReader(path).chunks), CHUNKS):
        write(path, number, **SCENARIOS[scenario])
        tell(number)
    if not ptyd.PtydReader(path).is_complete:
        ptyd.finish(path, META, {"label": "x"})
    tell(CHUNKS)


def die_at(step):
    """Let this process be killed on entry to its ``step``-th call that changes a file.

    A write is done by half before.
    """
    seen = 0

    def counted(name, original):
        def call(*args, **kwargs):
            nonlocal seen
            seen += 1
            if seen == step:
                if name == "pwrite" and args[2]:
                    original(args[0], args[1][: len(args[1]) // 2], args[2])
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for name in STEPS:
        setattr(os, name, counted(name, getattr(os, name)))


def announced_by(child_does):
    """Run a child; gives what it announced, whether it was killed, and its process."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        say = os.write
        code = 1
        with contextlib.suppress(BaseException):
            child_does(lambda number: say(theirs, bytes([number])))
            code = 0
        os._exit(code)
    os.close(theirs)
    return child, ours


def outcome(child, ours):
    with os.fdopen(ours, "rb") as pipe:
        told = list(pipe.read())
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"a writer failed, {status}"
    return told, os.WIFSIGNALED(status)


def check(path, reader, least, scenario):
    """See that all announced chunks are there, by h5py alone, and for a reader in progress."""
    assert not [text for text in ptyd.validate(path, deep=True) if "chunks" in text]
    with h5py.File(path) as file:
        there = sorted(int(name) for name in file["chunks"])
        assert there == list(range(len(there)))
        assert len(there) >= least, f"{least} chunks were announced, {len(there)} are there"
        for number in there:
            chunk = file[f"chunks/{number}"]
            assert np.array_equal(chunk["data"][...], FRAMES[number])
            assert np.array_equal(chunk["positions"][...], PLACES[number])
        assert file["meta/energy"][()] == 8.0
    reader.refresh()
    assert len(reader.chunks) == len(there)
    if there:
        block = reader.read(0, reader.num_frames)
        assert np.array_equal(block.data, FRAMES[: len(there)].reshape(-1, *SHAPE[1:]))
        changes = SCENARIOS[scenario].get("changes_mask", False)
        masks = [~MASK if changes and number > 1 else MASK for number in there]
        expected = np.repeat(masks, SHAPE[0], axis=0)
        assert np.array_equal(np.broadcast_to(block.weights, expected.shape), expected)
    return len(there)


def kill_at_steps(scenario, directory, stride):
    """Kill a writer at every step, or every few, in turn; gives the number of kills."""
    begun = directory / "begun"
    begun.mkdir()
    ptyd.create(begun / "s.ptyd", META, {"label": "x"}, announces_end=True)
    write(begun / "s.ptyd", 0, **SCENARIOS[scenario])
    for name in begun.iterdir():
        assert not name.name.startswith("."), name
    kills, killed = 0, True
    for step in itertools.count(1, stride):
        place = directory / str(step)
        shutil.copytree(begun, place)
        path = place / "s.ptyd"
        reader = ptyd.PtydReader(path)

        def work(tell, step=step, path=path):
            die_at(step)
            write_rest(path, scenario, tell)

        told, killed = outcome(*announced_by(work))
        check(path, reader, least_of(told, 1), scenario)
        if not killed:
            return kills
        kills += 1
        write_rest(path, scenario)
        assert check(path, reader, CHUNKS, scenario) == CHUNKS
        assert ptyd.validate(path) == []
        shutil.rmtree(place)
    return kills


def kill_at_steps_of_another_run(scenario, directory, stride):
    """Kill a writer that begins anew where a set is there already; gives the number of kills."""
    begun = directory / "begun"
    begun.mkdir()
    for _ in range(2):  # the second set pushes the first aside
        ptyd.create(begun / "s.ptyd", {**META, "label": "old"}, {"label": "old"})
        for number in range(CHUNKS):
            write(begun / "s.ptyd", number, **SCENARIOS[scenario])
    kills, killed = 0, True
    for step in itertools.count(1, stride):
        place = directory / str(step)
        shutil.copytree(begun, place)
        path, old = place / "s.ptyd", place / "s.ptyd.old"

        def work(tell, step=step, path=path):
            die_at(step)
            write_anew(path, scenario)

        _, killed = outcome(*announced_by(work))
        sets = [ptyd.PtydReader(one) for one in (path, old) if one.exists()]
        whole = [one for one in sets if one.meta["label"] == "old" and len(one.chunks) == CHUNKS]
        assert path.exists(), f"step {step}: nothing is left under the name of the set"
        assert whole, f"step {step}: the set that was there is neither in its place nor aside"
        for one in sets:
            there = FRAMES[: len(one.chunks)].reshape(-1, *SHAPE[1:])
            assert not one.chunks or np.array_equal(one.read(0, one.num_frames).data, there)
        if not killed:
            return kills
        kills += 1
        ptyd.tidy_up(path)
        write_anew(path, scenario)
        assert ptyd.validate(path, deep=True) == []
        assert ptyd.PtydReader(path).meta["label"] == "new"
        aside = ptyd.PtydReader(old)  # the set that was there, or what the killed writer had done
        there = FRAMES[: len(aside.chunks)].reshape(-1, *SHAPE[1:])
        assert np.array_equal(aside.read(0, aside.num_frames).data, there)
        shutil.rmtree(place)
    return kills


def write_anew(path, scenario):
    """Begin a scan of that name, and write all of it."""
    ptyd.create(path, {**META, "label": "new"}, {"label": "new"}, announces_end=True)
    for number in range(CHUNKS):
        write(path, number, **SCENARIOS[scenario])
    ptyd.finish(path, {**META, "label": "new"}, {"label": "new"})


def least_of(told, before):
    """Say how many chunks must be there after these announcements."""
    return max([before, *(min(number + 1, CHUNKS) for number in told)])


def kill_at_random_times(scenario, directory, count):
    """Kill writers after random times until there were so many kills; gives the number."""
    kills = scans = 0
    longest = 0.02  # grows until a writer gets somewhere in it, however busy the machine is
    while kills < count:
        scans += 1
        path = directory / f"{scans}.ptyd"
        ptyd.create(path, META, {"label": "x"}, announces_end=True)
        reader = ptyd.PtydReader(path)
        least = 0
        ended = False
        while not ended:
            child, ours = announced_by(lambda tell, path=path: write_rest(path, scenario, tell))
            time.sleep(random.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            told, killed = outcome(child, ours)
            kills += killed
            ended = CHUNKS in told
            before, least = least, check(path, reader, least_of(told, least), scenario)
            longest *= 0.8 if least > before else 1.3
        assert ptyd.PtydReader(path).is_complete
        for file in directory.glob(f"{path.name}*"):
            file.unlink()
    return kills


def main():
    how, scenario, directory, count = sys.argv[1:]
    kill = {
        "steps": kill_at_steps,
        "times": kill_at_random_times,
        "anew": kill_at_steps_of_another_run,
    }[how]
    random.seed(7)
    os.fsync = lambda descriptor: None  # a kill is no loss of power, and disks are slow
    sys.stdout.write(json.dumps({"kills": kill(scenario, Path(directory), int(count))}))


if __name__ == "__main__":
    main()
