"""Who gets a place."""

from __future__ import annotations

from dataclasses import dataclass

from dicomnode.dimse.transport.budgets import Budgets
from dicomnode.settings import LimitsSettings


@dataclass(eq=False)
class Somebody:
    address: str = "a"
    gone: bool = False

    def give_way(self) -> None:
        self.gone = True

    def stop(self) -> None:
        self.gone = True


def budgets(associations: int = 3, **limits: int) -> Budgets:
    generous = {"sockets": 10, "unnegotiated": 10, "per_address": 10, "per_peer": 10}
    return Budgets(LimitsSettings(**{**generous, **limits}), associations)


def entered(room: Budgets, *addresses: str) -> list[Somebody]:
    guests = [Somebody(address) for address in addresses]
    assert all(room.enter(guest) for guest in guests)
    return guests


def test_the_oldest_that_is_no_association_gives_way() -> None:
    room = budgets(unnegotiated=2)
    first, second, third = entered(room, "a", "b", "c")
    assert (first.gone, second.gone, third.gone) == (True, False, False)


def test_an_association_never_gives_way() -> None:
    room = budgets(sockets=2)
    first, second = entered(room, "a", "a")
    assert room.establish(first, "X")
    assert room.establish(second, "X")
    assert not room.enter(Somebody("a"))
    assert not first.gone


def test_when_all_is_full_only_ones_own_neighbours_give_way() -> None:
    room = budgets(sockets=2)
    first, second = entered(room, "a", "b")
    assert not room.enter(Somebody("c"))
    entered(room, "b")
    assert (first.gone, second.gone) == (False, True)


def test_an_address_has_its_share() -> None:
    room = budgets(per_address=1)
    (first,) = entered(room, "a")
    assert room.establish(first, "X")
    assert not room.enter(Somebody("a"))
    assert room.enter(Somebody("b"))


def test_associations_are_counted_in_all_and_by_peer() -> None:
    room = budgets(associations=3, per_peer=2)
    one, two, three, four, five = entered(room, *"aaaaa")
    assert room.establish(one, "X")
    assert room.establish(two, "X")
    assert not room.establish(three, "X")
    assert room.establish(four, "Y")
    assert not room.establish(five, "Z")


def test_who_had_to_give_way_becomes_no_association() -> None:
    room = budgets(unnegotiated=1)
    first, _ = entered(room, "a", "a")
    assert not room.establish(first, "X")


def test_leaving_frees_the_place_once() -> None:
    room = budgets(associations=1, sockets=2, per_address=2)
    first, second = entered(room, "a", "a")
    assert room.establish(first, "X")
    for _ in range(2):
        room.leave(first)
    assert room.guests() == [second]
    assert room.establish(second, "X")
    (third,) = entered(room, "a")
    room.leave(second)
    room.leave(third)
    assert room.guests() == []
