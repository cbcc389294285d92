import pytest

from dicomnode.advice_settings import FactSettings
from dicomnode.assemble.patient_facts import check, gathered
from dicomnode.errors import SettingsError
from dicomnode.section import MatchSettings

FOLLOW_UP = FactSettings(
    name="npc-follow-up",
    value="yes",
    match=(MatchSettings(keyword="StudyDescription", op="eq", value="MR NPC follow-up"),),
)


def test_headers_tell_of_allergies_and_pregnancy() -> None:
    series = [{"Allergies": ["PENICILLIN", "Gadolinium hives"]}, {"PregnancyStatus": 2}, {"PregnancyStatus": 1}]
    assert gathered(series, {}) == {"contrast-reaction": "unspecified", "pregnancy": "possible"}


@pytest.mark.parametrize("allergies", [["PENICILLIN"], ["NONE"], "no known allergies", []])
def test_what_says_nothing_of_contrast_leaves_it_unknown(allergies: list[str] | str) -> None:
    assert gathered([{"Allergies": allergies}], {}) == {}


def test_of_two_sources_the_graver_counts() -> None:
    series = [{"Allergies": ["contrast medium"], "PregnancyStatus": 4}]
    assert gathered(series, {"contrast-reaction": "severe", "pregnancy": "no"}) == {
        "contrast-reaction": "severe",
        "pregnancy": "unknown",
    }
    assert gathered(series, {"contrast-reaction": "none"})["contrast-reaction"] == "unspecified"
    low = FactSettings(name="egfr", value=20.0, match=(MatchSettings(keyword="Modality", op="eq", value="MR"),))
    assert gathered([{"Modality": "MR"}], {"egfr": 60.0}, [low]) == {"egfr": 20.0}


def test_a_rule_of_the_site_says_its_fact() -> None:
    assert gathered([{"StudyDescription": "mr npc FOLLOW-UP"}], {}, [FOLLOW_UP]) == {"npc-follow-up": "yes"}
    assert gathered([{"StudyDescription": "MR liver"}], {}, [FOLLOW_UP]) == {}


@pytest.mark.parametrize(("name", "value"), [("npc-follow-up", "maybe"), ("name", "Doe"), ("egfr", "low")])
def test_a_rule_for_what_is_no_fact_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"facts\.1: "):
        check([FOLLOW_UP, FactSettings(name=name, value=value, match=FOLLOW_UP.match)])
