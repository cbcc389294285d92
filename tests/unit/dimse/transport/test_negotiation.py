"""The names of pynetdicom that the transport leans on do what it takes them to do."""

from __future__ import annotations

import pytest
from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import MaximumLengthNotification, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import build_context, negotiate_as_acceptor

from dicomnode.dimse.normalized import Services
from dicomnode.dimse.transport.negotiation import FULL, Negotiator, Rejected
from dicomnode.dimse.transport.pdu import Violation
from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, AETitle
from tests.datasets import EXPLICIT_LITTLE, IMPLICIT_LITTLE, MR_IMAGE
from tests.peers.rude import associate, context, item

ROLE = item(0x54, (len(MR_IMAGE)).to_bytes(2, "big") + MR_IMAGE.encode() + b"\1\1")


def negotiator(callers: set[str] | None = None) -> Negotiator:
    return Negotiator(AETitle("DICOMNODE"), callers, {}, 131072, Services())


def test_a_request_is_decoded_into_a_primitive() -> None:
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(associate(user=ROLE))
    request = pdu.to_primitive()
    (first, _) = request.presentation_context_definition_list
    assert (first.context_id, first.abstract_syntax, first.transfer_syntax) == (1, MR_IMAGE, [EXPLICIT_LITTLE])
    lengths = [n for n in request.user_information if isinstance(n, MaximumLengthNotification)]
    roles = [n for n in request.user_information if isinstance(n, SCP_SCU_RoleSelectionNegotiation)]
    assert [n.maximum_length_received for n in lengths] == [16384]
    assert [(n.sop_class_uid, n.scu_role, n.scp_role) for n in roles] == [(MR_IMAGE, True, True)]


def test_negotiation_prefers_our_order_and_says_why_not() -> None:
    proposed = [build_context(MR_IMAGE, [IMPLICIT_LITTLE, EXPLICIT_LITTLE]), build_context("1.2.3", [IMPLICIT_LITTLE])]
    for number, one in enumerate(proposed):
        one.context_id = 2 * number + 1
    ours = [build_context(MR_IMAGE, [EXPLICIT_LITTLE, IMPLICIT_LITTLE])]
    results, replies = negotiate_as_acceptor(proposed, ours, {UID(MR_IMAGE): (True, True)})
    assert [(one.context_id, one.result, one.transfer_syntax[0]) for one in results] == [
        (1, 0, EXPLICIT_LITTLE),
        (3, 3, IMPLICIT_LITTLE),
    ]
    assert replies == []  # no role of ours is configured, so none is promised


def test_an_acceptance_says_who_we_are_and_what_we_take() -> None:
    agreement = negotiator().negotiate(associate(user=ROLE), "")
    assert agreement.calling_aet == "SCANNER"
    assert {n: (c.abstract_syntax, c.transfer_syntax) for n, c in agreement.contexts.items()} == {
        1: (MR_IMAGE, EXPLICIT_LITTLE),
        3: ("1.2.840.10008.1.1", EXPLICIT_LITTLE),
    }
    pdu = A_ASSOCIATE_AC()
    pdu.decode(agreement.accept)
    answer = pdu.to_primitive()
    assert (answer.calling_ae_title, answer.called_ae_title, answer.result) == ("SCANNER", "DICOMNODE", 0)
    assert [c.result for c in answer.presentation_context_definition_results_list] == [0, 0]
    assert answer.maximum_length_received == 131072
    assert answer.implementation_class_uid == IMPLEMENTATION_CLASS_UID


def test_a_rejection_has_its_three_numbers() -> None:
    pdu = A_ASSOCIATE_RJ()
    pdu.decode(Rejected(FULL, "").encode())
    assert (pdu.result, pdu.source, pdu.reason_diagnostic) == FULL


def test_all_contexts_may_be_asked_for_at_once() -> None:
    syntaxes = tuple(f"1.2.840.10008.1.2.4.{n}" for n in range(50, 74))
    contexts = b"".join(context(2 * n + 1, MR_IMAGE, syntaxes) for n in range(128))
    assert len(negotiator().negotiate(associate(contexts=contexts), "").contexts) == 128


@pytest.mark.parametrize("cut", [10, 60, 80, 100, 150, -1])
def test_a_cut_request_is_a_violation(cut: int) -> None:
    with pytest.raises(Violation):
        negotiator().negotiate(associate()[:cut], "")
