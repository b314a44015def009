"""A variable that is nearly a setting: it has no effect, and that is said."""

from __future__ import annotations

from pathlib import Path

from modeldata.settings.misspelt import misspelt
from modeldata.settings.table import SETTINGS
from tests.support import scripts


def test_a_slip_is_answered_with_what_may_be_meant() -> None:
    assert misspelt(["PATH", "MODELDATA_ARHIVE", "MODELDATA_FSYNC_SECOND", "MODELDATA_NATIV", "AML_MODEL_DC_STORAGES"]) == {
        "AML_MODEL_DC_STORAGES": "AML_MODEL_DC_STORAGE",
        "MODELDATA_ARHIVE": "MODELDATA_ARCHIVE",
        "MODELDATA_FSYNC_SECOND": "MODELDATA_FSYNC_SECONDS",
        "MODELDATA_NATIV": "MODELDATA_NATIVE",
    }


def test_settings_and_variables_of_others_are_no_slips() -> None:
    settings = [variable for setting in SETTINGS.values() for variable in setting.variables]
    assert (
        misspelt(
            [
                *settings,
                "MODELDATA_SHIPPER_LOG",
                "MODELDATA_NATIVE",
                "MODELDATA_TEAM",
                "MODEL_NAME",
                "MODEL",
                "AML_MODEL_DC_STORAGE",
            ]
        )
        == {}
    )


def test_a_service_warns_once_and_goes_on(tmp_path: Path) -> None:
    code = """
        from modeldata import ModelDataCollector

        for identifier in ("inputs", "predictions"):
            assert ModelDataCollector("churn", identifier).collect([1])
    """
    done = scripts.run(code, tmp_path, {"MODELDATA_ARHIVE": "elsewhere"})
    assert done.stderr.count("MODELDATA_ARHIVE is no setting and has no effect: MODELDATA_ARCHIVE may be meant") == 1


def test_doctor_and_every_command_name_it(tmp_path: Path) -> None:
    env = {"MODELDATA_ARHIVE": "elsewhere"}
    doctor = scripts.modeldata("doctor", str(tmp_path / "here"), env=env)
    assert doctor.returncode == 1
    assert doctor.stdout.startswith("bad  settings: the variable MODELDATA_ARHIVE")
    assert doctor.stderr == ""
    assert "MODELDATA_ARCHIVE may be meant" in scripts.modeldata("ls", "--archive", str(tmp_path), env=env).stderr
