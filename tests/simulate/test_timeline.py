from replenisher.simulate.timeline import Timeline, VirtualLoop


def test_all_that_reaches_a_process_at_one_moment_is_there_before_its_turn() -> None:
    timeline = Timeline(at=0)
    loop = VirtualLoop(timeline, lambda how: None)
    heard: list[str] = []
    turns: list[tuple[int, list[str]]] = []

    def arrive(word: str, *others: str) -> None:
        heard.append(word)
        loop.call_soon(lambda: turns.append((timeline.at, heard.copy())))
        for other in others:  # what follows from it at once
            timeline.put(timeline.at, arrive, other)

    timeline.put(7, arrive, "an alarm")
    timeline.put(7, arrive, "a trade", "the book")
    timeline.put(8, arrive, "an answer")
    timeline.run(10)

    assert [at for at, _ in turns] == [7, 7, 7, 8]
    assert turns[0] == (7, ["an alarm", "a trade", "the book"])


def writing_from_1_to_6(timeline: Timeline) -> tuple[VirtualLoop, list[int]]:
    """A process that sends once its disk is done, and goes on writing; and when what it has sent left."""
    loop = VirtualLoop(timeline, lambda how: None)
    left: list[int] = []

    def write_and_send() -> None:
        loop.stand_still(loop.now() + 5)
        loop.give(lambda: left.append(timeline.at))
        loop.stand_still(loop.now() + 5)

    timeline.put(1, loop.take, write_and_send)
    return loop, left


def test_what_a_process_sends_once_its_disk_is_done_has_left_before_it_is_stopped() -> None:
    timeline = Timeline(at=0)
    loop, left = writing_from_1_to_6(timeline)

    timeline.put(3, loop.stand_still, 100)
    timeline.run(200)

    assert left == [6], "by its own clock, which it had read, and not when it goes on"


def test_what_a_process_would_send_once_its_disk_is_done_dies_with_it() -> None:
    timeline = Timeline(at=0)
    loop, left = writing_from_1_to_6(timeline)

    timeline.put(3, loop.end)
    timeline.run(200)

    assert left == []


def test_who_waits_for_its_disk_at_every_turn_hears_all_the_same() -> None:
    timeline = Timeline(at=0)
    loop = VirtualLoop(timeline, lambda how: None)
    heard: list[int] = []

    def turn() -> None:
        loop.stand_still(loop.now() + 5)
        loop.call_soon(turn)

    timeline.put(1, loop.take, turn)
    timeline.put(3, loop.take, lambda: heard.append(timeline.at))
    timeline.run(100)

    assert heard == [6]
