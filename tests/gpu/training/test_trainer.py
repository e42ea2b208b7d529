from gpu.training.trainer import TrainedStyle, TrainingCheckpoint, train


def never():
    return False


def test_a_training_sliced_at_every_checkpoint_equals_an_unbroken_one_bit_for_bit(
    make_config, tmp_path
):
    whole = train(make_config(), on_progress=lambda _: None, should_stop=never)
    sliced = make_config(output_dir=tmp_path / "sliced", slice_seconds=0.0)
    result = train(sliced, on_progress=lambda _: None, should_stop=never)
    slices = 1
    while isinstance(result, TrainingCheckpoint):
        sliced = make_config(
            output_dir=tmp_path / f"slice_{slices}", slice_seconds=0.0, resume_from=result.path
        )
        result = train(sliced, on_progress=lambda _: None, should_stop=never)
        slices += 1

    assert slices == 2
    assert isinstance(whole, TrainedStyle)
    assert result.adapter_sha256 == whole.adapter_sha256
    assert result.loss_history == whole.loss_history
    assert result.held_out_history == whole.held_out_history
    assert len(whole.loss_history) == whole.steps == 6
