"""Facts reach the study of their patient and their order, and no other."""

from dicomnode.domain.patient_facts import Told
from dicomnode.index import facts
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.values import STUDY, at, instance


def known(database: Database) -> dict[str, float | str]:
    with database.read() as session:
        return facts.known(session, STUDY)


def tell(database: Database, *told: Told, second: float = 1) -> None:
    with database.write() as session:
        assert facts.tell(session, told, at(second), at(-1e5)) == []


def test_a_fact_reaches_its_patient_and_order_only(database: Database) -> None:
    Intake(database).record(instance("1.1", issuer="A", AccessionNumber="ACC"), at(0))
    tell(
        database,
        Told(patient_id="P1", name="egfr", value=25.0, source="hl7"),
        Told(patient_id="P1", issuer="A", name="dialysis", value="no", source="hl7"),
        Told(patient_id="P1", issuer="B", name="dialysis", value="yes", source="hl7"),
        Told(patient_id="P2", name="egfr", value=99.0, source="hl7"),
        Told(patient_id="P1", accession_number="ACC", name="contrast-demanded", value="no", source="hl7"),
        Told(patient_id="P1", accession_number="OTHER", name="contrast-demanded", value="yes", source="hl7"),
    )
    assert known(database) == {"egfr": 25.0, "dialysis": "no", "contrast-demanded": "no"}


def test_the_latest_observation_counts_whenever_it_comes(database: Database) -> None:
    Intake(database).record(instance("1.1"), at(0))
    tell(database, Told(patient_id="P1", name="egfr", value=80.0, source="csv", observed=at(-50)))
    tell(database, Told(patient_id="P1", name="egfr", value=25.0, source="hl7", observed=at(-100)), second=2)
    assert known(database) == {"egfr": 80.0}


def test_facts_are_forgotten_after_90_days(database: Database) -> None:
    Intake(database).record(instance("1.1"), at(0))
    tell(database, Told(patient_id="P1", name="egfr", value=80.0, source="csv"))
    tell(database, second=91 * 86400)
    assert known(database) == {}


def test_a_patient_without_an_id_has_no_facts(database: Database) -> None:
    Intake(database).record(instance("1.1", patient=""), at(0))
    tell(database, Told(patient_id="", name="egfr", value=80.0, source="csv"))
    assert known(database) == {}
