"""What a beamline's class sees: which hook is called when, and what auto() answers."""

import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, Chunk, PtyScan, register
from ptypy.errors import DataError, ParameterError
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import report


@pytest.fixture
def frames():
    return [np.full((4, 4), k, np.uint16) for k in range(12)]


def indices(package):
    return [entry["index"] for entry in package["iterable"]]


def test_hooks_are_called_in_the_documented_order(memory_scan, frames):
    scan = memory_scan(frames)
    scan.initialize()
    assert scan.calls == ["load_positions", "load_weight", "load_common", "post_initialize"]
    scan.auto(5)
    assert scan.calls[4:] == [("load", [0, 1, 2, 3, 4])]


def test_initializing_twice_opens_the_scan_once(memory_scan, frames):
    scan = memory_scan(frames)
    scan.initialize()
    scan.initialize()
    assert scan.calls.count("load_positions") == 1


def test_correct_receives_what_load_and_load_common_gave(memory_scan, frames):
    seen = []

    class Corrected(memory_scan):
        def correct(self, raw, weights, common):
            seen.append((sorted(raw), weights, common.dark))
            return {i: frame - common.dark for i, frame in raw.items()}, weights

    scan = Corrected(frames, common={"dark": 1.0})
    package = scan.auto(3)
    assert seen == [([0, 1, 2], {}, 1.0)]
    assert package["iterable"][2]["data"][0, 0] == 1.0


def test_correct_may_hand_over_a_mask_for_every_frame(memory_scan, frames):
    class Masked(memory_scan):
        def correct(self, raw, weights, common):
            return raw, {i: frame != 2 for i, frame in raw.items()}

    package = Masked(frames).auto(4)
    assert [entry["mask"].all() for entry in package["iterable"]] == [True, True, False, True]


def test_check_is_asked_with_the_start_by_name(memory_scan, frames):
    asked = []

    class Checked(memory_scan):
        def check(self, frames=None, start=None):
            asked.append((frames, start))
            return super().check(frames, start=start)

    scan = Checked(frames)
    scan.auto(5)
    scan.auto(5)
    assert asked == [(5, 0), (5, 5)]


def test_load_may_be_replaced_on_the_instance(memory_scan, frames):
    class Rebinding(memory_scan):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.load = self.load_upside_down

        def load_upside_down(self, indices):
            return {i: self.frames[-1 - i] for i in indices}, {}, {}

    assert Rebinding(frames).auto(1)["iterable"][0]["data"][0, 0] == 11


def test_a_scan_is_delivered_whole_and_in_order_then_ends_for_good(memory_scan, frames):
    scan = memory_scan(frames)
    delivered = []
    while (package := scan.auto(5)) not in (WAIT, EOS):
        delivered += indices(package)
    assert delivered == list(range(12))
    assert package == "msgEOS" == scan.EOS
    assert scan.end_of_scan
    assert [scan.auto(5), scan.auto(1)] == [EOS, EOS]


def test_fewer_frames_than_the_minimum_are_delivered_at_the_end(memory_scan, frames):
    scan = memory_scan(frames, min_frames=5)
    sizes = []
    while (package := scan.auto(5)) != EOS:
        assert package != WAIT
        sizes.append(len(package["iterable"]))
    assert sizes == [5, 5, 2]


@pytest.mark.parametrize("wanted", [None, 1, 3])
def test_asking_for_less_than_the_minimum_is_asking_for_the_minimum(memory_scan, frames, wanted):
    assert len(memory_scan(frames, min_frames=4).auto(wanted)["iterable"]) == 4


@pytest.mark.parametrize("wanted", [0, -1])
def test_asking_for_no_frames_is_a_mistake(memory_scan, frames, wanted):
    with pytest.raises(ParameterError, match="at least one frame"):
        memory_scan(frames).auto(wanted)


def test_frames_that_are_still_to_come_are_waited_for(memory_scan, frames):
    class Live(memory_scan):
        arrived = 0

        def check(self, frames=None, start=None):
            return min(frames, self.arrived - start), self.arrived == 12 and None

    scan = Live(frames, min_frames=2)
    assert scan.auto(4) == WAIT == "msg1"
    scan.arrived = 1
    assert scan.auto(4) == WAIT
    scan.arrived = 3
    assert indices(scan.auto(4)) == [0, 1, 2]
    assert scan.auto(4) == WAIT
    scan.arrived = 12
    assert indices(scan.auto(100)) == list(range(3, 12))
    assert scan.auto(4) == EOS


def test_check_may_end_the_scan_with_its_last_frames(memory_scan, frames):
    class Ending(memory_scan):
        def check(self, frames=None, start=None):
            return 3, 1

    scan = Ending(frames)
    assert indices(scan.auto(10)) == [0, 1, 2]
    assert scan.auto(10) == EOS


def test_a_scan_that_ends_without_a_frame_just_ends(memory_scan, frames):
    class Empty(memory_scan):
        def check(self, frames=None, start=None):
            return 0, True

    assert Empty(frames).auto(10) == EOS


def test_setting_end_of_scan_ends_it_early(memory_scan, frames):
    scan = memory_scan(frames)
    scan.auto(2)
    scan.end_of_scan = True
    assert scan.auto(2) == EOS


@pytest.mark.parametrize("hook", ["load", "correct"])
def test_an_exception_loses_no_frame(memory_scan, frames, hook):
    class Shaky(memory_scan):
        broken = False

        def load(self, indices):
            self.stumble("load")
            return super().load(indices)

        def correct(self, raw, weights, common):
            self.stumble("correct")
            return raw, weights

        def stumble(self, where):
            if self.broken and where == hook:
                raise OSError("the disk is busy")

    scan = Shaky(frames)
    first = indices(scan.auto(4))
    scan.broken = True
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is busy"):
            scan.auto(4)
    scan.broken = False
    rest = []
    while (package := scan.auto(4)) != EOS:
        rest += indices(package)
    assert first + rest == list(range(12))


def test_an_exception_in_a_hook_of_initialize_can_be_recovered_from(memory_scan, frames):
    class Late(memory_scan):
        ready = False

        def post_initialize(self):
            if not self.ready:
                raise OSError("not yet")

    scan = Late(frames)
    with pytest.raises(OSError, match="not yet"):
        scan.auto(3)
    scan.ready = True
    assert indices(scan.auto(3)) == [0, 1, 2]


def test_masked_nan_needs_no_warning(memory_scan, caplog):
    frame = np.ones((4, 4))
    frame[1, 1] = np.nan
    memory_scan([frame], mask=np.isfinite(frame)).auto(1)
    assert "finite" not in caplog.text


def test_the_default_configuration_takes_real_frames():
    """Region, centre and mask as they are by default, frames of a detector's shape."""

    class Plain(PtyScan):
        def load(self, indices):
            return {i: np.ones((300, 310), np.uint16) for i in indices}, {}, {}

        def load_positions(self):
            return np.zeros((3, 2))

    package = Plain(energy=8, distance=1, psize=1e-4).auto(3)
    assert package["iterable"][0]["data"].shape == (256, 256)
    assert package["iterable"][0]["mask"].all()


def test_the_package_holds_what_scripts_expect(memory_scan, frames):
    scan = memory_scan(frames, mask=np.eye(4))
    scan.auto(3)
    package = scan.auto(3)
    assert isinstance(package, dict)
    assert list(package) == ["common", "chunk", "iterable"]
    assert package["common"] is scan.meta
    chunk = package["chunk"]
    assert isinstance(chunk, Param)
    assert (chunk.indices, chunk.indices_node, chunk.num) == ([3, 4, 5], [3, 4, 5], 1)
    assert sorted(chunk.data) == sorted(chunk.weights) == [3, 4, 5]
    assert chunk.positions.shape == (3, 2)
    assert set(package["iterable"][0]) == {"index", "data", "position", "mask"}
    assert package["iterable"][0]["mask"].dtype == bool


def test_frames_on_other_processes_are_none_in_the_package():
    chunk = Chunk(
        indices=np.arange(3),
        indices_node=np.array([1]),
        positions=np.zeros((3, 2)),
        data=np.ones((1, 2, 2)),
        mask=np.ones((2, 2), bool),
        weights=None,
        meta=Param(),
        number=0,
    )
    held = [entry["data"] is not None for entry in chunk.as_package()["iterable"]]
    assert held == [False, True, False]


def test_the_package_is_made_of_views(memory_scan, frames):
    chunk = memory_scan(frames).next_chunk(3)
    assert np.shares_memory(chunk.as_package()["iterable"][1]["data"], chunk.data)


def test_a_package_and_a_scan_can_be_reported(memory_scan, frames):
    scan = memory_scan(frames)
    assert "[4x4 uint16 array]" in report(scan.auto(2))
    assert "num_frames" in scan.report(shout=False)
    assert "label" in scan.report(scan.info, shout=False)


def test_geometry_that_a_hook_finds_reaches_the_package(memory_scan, frames):
    class Found(memory_scan):
        PLACEHOLDERS = ("energy", "distance", "psize")

        def load_common(self):
            self.info.energy = 11.9
            self.meta.distance = 3.0
            return {}

        def load(self, indices):
            self.info.psize = 2e-5
            return super().load(indices)

    common = Found(frames, rebin=2).auto(1)["common"]
    assert (common.energy, common.distance) == (11.9, 3.0)
    np.testing.assert_allclose(common.psize, 4e-5)


def test_numbers_that_nobody_gave_are_told_once_and_loudly(frames, caplog):
    class Silent(PtyScan):
        def load(self, indices):
            return {i: frames[i] for i in indices}, {}, {}

        def load_positions(self):
            return np.zeros((12, 2))

    scan = Silent(distance=2.0, shape=4)
    scan.auto(2)
    scan.auto(2)
    (line,) = [r.message for r in caplog.records if "NOBODY GAVE" in r.message]
    assert {r.levelname for r in caplog.records if "NOBODY GAVE" in r.message} == {"ERROR"}
    assert "energy = 7.2 keV" in line
    assert "psize" in line
    assert "distance" not in line


def test_positions_that_were_invented_are_told_however_quiet_the_run(frames, caplog):
    class Silent(PtyScan):
        def load(self, indices):
            return {i: frames[i] for i in indices}, {}, {}

    Silent(distance=2.0, energy=7.2, psize=172e-6, num_frames=12).auto(2)
    told = {r.message.split(":")[0]: r.levelname for r in caplog.records}
    assert told["NOBODY GAVE POSITIONS"] == "ERROR"
    assert [level for text, level in told.items() if "are padded" in text] == ["ERROR"]


def test_the_start_of_the_latest_chunk_is_known(memory_scan, frames):
    scan = memory_scan(frames)
    starts = []
    while scan.auto(5) != EOS:
        starts.append(scan.start)
    assert starts == [0, 5, 10]


def test_parameters_within_parameters_take_their_own_defaults(memory_scan, frames):
    @register("NestedForThisTest")
    class Nested(memory_scan):
        """A loader with a group of parameters.

        Defaults:

        [name]
        default = NestedForThisTest
        help = Name
        type = str

        [motor]
        default =
        help = A motor
        type = Param

        [motor.unit]
        default = um
        help = Its unit
        type = str

        [motor.name]
        default = None
        help = Its name
        type = str
        """

    given = {"name": "sx"}
    scan = Nested(frames, pars={"motor": given})
    assert scan.info.motor == {"unit": "um", "name": "sx"}
    assert given == {"name": "sx"}


def test_a_scan_whose_numbers_are_known_says_nothing(frames, caplog):
    class Silent(PtyScan):
        def load(self, indices):
            return {i: frames[i] for i in indices}, {}, {}

        def load_positions(self):
            return np.zeros((12, 2))

    Silent(distance=2.0, energy=7.2, psize=172e-6, shape=4).auto(2)
    assert not caplog.records


def test_nobody_knowing_the_number_of_frames_is_told(frames):
    class Endless(PtyScan):
        def load(self, indices):
            return {i: frames[i] for i in indices}, dict.fromkeys(indices, (0, 0)), {}

    with pytest.raises(DataError, match=r"num_frames.*load_positions.*check"):
        Endless(shape=4).auto(2)


def test_a_scan_without_a_single_frame_says_so(caplog):
    """A loader that looks in the wrong folder finds nothing, and no file appears."""

    class Nothing(PtyScan):
        def load_positions(self):
            return np.zeros((0, 2))

    scan = Nothing()
    assert scan.auto(5) == scan.EOS
    assert "without a single frame" in caplog.text
