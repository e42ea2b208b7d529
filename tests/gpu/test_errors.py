from gpu import errors


def test_every_failure_has_a_cause_of_its_own():
    failures = errors.EngineError.__subclasses__()
    assert {failure.cause for failure in failures} == {
        "LOW_QUALITY_DATA",
        "GPU_OOM",
        "MODEL_MISSING",
        "ADAPTER_MISMATCH",
        "STYLE_OUTDATED",
        "TRAINING_DIVERGED",
        "INVALID_PROMPT",
        "SAFETY_BLOCKED",
        "STOPPED",
    }


def test_only_what_another_try_can_mend_is_retryable():
    retryable = {f.cause for f in errors.EngineError.__subclasses__() if f.retryable}
    assert retryable == {"GPU_OOM", "ADAPTER_MISMATCH"}
