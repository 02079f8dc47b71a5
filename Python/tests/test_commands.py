"""`convert`, `evaluate` and `inspect` on files."""

from __future__ import annotations

from pathlib import Path

import pytest

import normconv


def test_inspect_names_the_norms_and_their_convolutions(fixtures: Path) -> None:
    found = normconv.inspect(fixtures / "mnist-resnet.keras3.h5")
    assert found.architecture == "Keras Functional 'mnist_resnet', 9 convolutions"
    assert found.is_complete and found.classes == 10
    first = found.norms[0]
    assert (first.layer, first.kind, first.channels, first.epsilon) == ("stem_bn", "batch", 16, 1e-3)
    assert first.groups is None and first.convolution == "stem_conv"
    assert found.json["recognizedBy"] == found.recognized_by == "configuration"


def test_convert_writes_a_file_and_reports_each_norm(fixtures: Path, tmp_path: Path) -> None:
    source, target = fixtures / "torchvision-basic.torch.h5", tmp_path / "gn.safetensors"
    report = normconv.convert(source, target, groups="size:4", ws="off", epsilon=1e-4)
    assert target.exists() and report.output == str(target)
    norms = {norm.module: norm for norm in report.norms}
    assert norms["layer1.0.bn1"].gamma == "layer1.0.bn1.weight"
    assert all(norm.groups * 4 == norm.channels and norm.epsilon == 1e-4 for norm in report.norms)
    assert {convolution.weights for convolution in report.convolutions} == {"kept"}
    assert [norm.kind for norm in normconv.inspect(target).norms] == ["group"] * len(report.norms)


def test_evaluate_scores_and_compares(fixtures: Path, tmp_path: Path) -> None:
    source, target = fixtures / "mnist-resnet.keras3.h5", tmp_path / "gn.h5"
    normconv.convert(source, target, groups="size:8", ws="off")
    result = normconv.evaluate([target, source], fixtures / "mnist-test.h5", against=source)
    new, old = result.models
    # What the README shows.
    assert (new.top1.count, old.top1.count, result.images) == (957, 972, 1000)
    assert new.comparison is not None and new.comparison.paired is not None
    assert new.comparison.paired.difference.value == pytest.approx(-0.015)
    assert new.comparison.agreement.value > 0.9 and old.comparison is None


def test_one_model_needs_no_list(fixtures: Path) -> None:
    result = normconv.evaluate(fixtures / "mnist-resnet.keras3.h5", fixtures / "mnist-test.h5")
    assert [score.top1.count for score in result.models] == [972]


def test_convert_reports_the_calibration(fixtures: Path, tmp_path: Path) -> None:
    report = normconv.convert(
        fixtures / "mnist-resnet.keras3.h5",
        tmp_path / "gn.h5",
        calibrate=fixtures / "mnist-test-100.npz",
        calibration_images=32,
        epochs=0,
        seed=7,
    )
    assert report.calibration is not None
    assert report.calibration.fitted + report.calibration.set_aside == 32
    assert report.calibration.seed == 7
    assert report.calibration.steps[0].name == "statistics"


def test_a_failure_has_file_object_found_and_expected(fixtures: Path, tmp_path: Path) -> None:
    source = fixtures / "mnist-resnet.keras3.h5"
    with pytest.raises(normconv.Error) as caught:
        normconv.convert(source, tmp_path / "gn.h5", groups=7)
    error = caught.value
    assert error.file == str(source) and error.object == "stem_bn"
    assert error.exit_code == 1 and str(error).startswith(str(source))
    assert not (tmp_path / "gn.h5").exists()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(normconv.Error) as caught:
        normconv.inspect("nowhere.h5")
    assert caught.value.file == "nowhere.h5"


def test_an_unknown_option_is_wrong_usage(fixtures: Path) -> None:
    with pytest.raises(normconv.Error, match="--group-count") as caught:
        normconv.convert(fixtures / "mnist-resnet.keras3.h5", "gn.h5", dry_run=True, group_count=4)
    assert caught.value.exit_code == 64


def test_a_file_may_have_the_name_of_an_option(fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    normconv.convert(fixtures / "mnist-resnet.keras3.h5", "--json", layout="keras", groups="size:8", ws="off")
    assert (tmp_path / "--json").exists()
