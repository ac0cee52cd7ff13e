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
