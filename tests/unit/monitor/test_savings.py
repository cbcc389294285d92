from dataclasses import replace

from dicomnode.domain.advice import Advice, AdviceKind, Origin, acknowledge, overdue, state
from dicomnode.economics import Prices
from dicomnode.monitor.savings import Followed, months
from tests.values import STUDY, at

AWAITED = Advice(study_instance_uid=STUDY, exam_id=1, opened=at(0), deadline=at(90))
OMIT = state(AWAITED, AdviceKind.MAY_BE_OMITTED, "why", Origin.PLUGIN, at(5))
SEEN = acknowledge(OMIT, AdviceKind.MAY_BE_OMITTED, "A", at(6))
PRICES = Prices(unenhanced=200, enhanced=260, unenhanced_seconds=600, enhanced_seconds=900)


def test_only_what_was_acknowledged_and_followed_counts_as_saved() -> None:
    found = [
        Followed(advice=SEEN, enhanced=False),
        Followed(advice=SEEN, enhanced=False),
        Followed(advice=SEEN, enhanced=True),
        Followed(advice=OMIT, enhanced=False),
        Followed(advice=overdue(AWAITED, at(90)), enhanced=True),
        Followed(advice=AWAITED, enhanced=True),
    ]
    (month,) = months(found, PRICES, 7.5)
    assert (month.month, month.exams, month.advised) == ("2026-03", 5, {"ADV_OMIT": 4, "ADV_STANDARD": 1})
    assert (month.omitted, month.against, month.by_deadline) == (2, 1, 1)
    assert (month.minutes, month.cost, month.millilitres) == (10.0, 120.0, 15.0)


def test_months_stand_in_their_order() -> None:
    later = replace(SEEN, stated=at(40 * 86400))
    found = [Followed(advice=one, enhanced=False) for one in (later, SEEN)]
    assert [one.month for one in months(found, PRICES, 7.5)] == ["2026-03", "2026-04"]
    assert months([], PRICES, 7.5) == ()


def test_a_month_tells_how_right_its_advice_was() -> None:
    given = replace(OMIT, kind=AdviceKind.RECOMMENDED)
    found = [
        Followed(advice=OMIT, enhanced=False, positive=True),
        *(Followed(advice=OMIT, enhanced=True, positive=False) for _ in range(2)),
        Followed(advice=OMIT, enhanced=False),
        Followed(advice=given, enhanced=True, positive=True),
        Followed(advice=given, enhanced=False, positive=False),
        Followed(advice=overdue(AWAITED, at(90)), enhanced=True, positive=True),
    ]
    (month,) = months(found, PRICES, 7.5)
    assert month.hindsight == {
        "rightly spared": 2,
        "spared on a positive exam": 1,
        "rightly recommended": 1,
        "recommended on a negative exam": 1,
    }
