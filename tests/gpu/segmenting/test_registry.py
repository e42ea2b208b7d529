import subprocess
import sys

import pytest

from gpu.errors import ModelMissing
from gpu.segmenting.registry import DEFAULT, load_segmenter
from tests.tiny_sam3 import write_tiny_sam3


def test_sam3_is_loaded_with_its_settings(tmp_path):
    segmenter = load_segmenter("sam3", source=str(write_tiny_sam3(tmp_path)), least_score=0.2)
    assert segmenter.name == "sam3"
    assert segmenter.least_score == 0.2


def test_sam3_without_weights_is_an_error():
    with pytest.raises(ModelMissing):
        load_segmenter("sam3", source="/no/such/folder")


def test_classic_is_what_needs_no_weights():
    pytest.importorskip("gpu.segmenting.classic")
    assert load_segmenter().name == load_segmenter("classic").name == DEFAULT


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="sam4"):
        load_segmenter("sam4")


def test_torch_is_imported_by_nobody_who_does_not_choose_it():
    program = "import sys, gpu.segmenting.registry; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
