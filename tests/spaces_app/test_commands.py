import multiprocessing

from commands import Commands


def test_commands_are_read_in_their_order_round_the_ring():
    commands = Commands(2)
    for number in range(3 * Commands.LENGTH):
        assert commands.read(1, number) is None
        commands.write(1, 0, number, 7)
        assert commands.read(1, number) == (0, number, 7)


def test_rings_do_not_disturb_one_another_and_begin_anew():
    commands = Commands(2)
    commands.write(0, 1, 2, 3)
    commands.write(1, 4)
    assert commands.read(0, 0) == (1, 2, 3) and commands.read(1, 0) == (4, 0, 0)
    commands.clear(0)
    assert commands.read(0, 0) is None and commands.read(1, 0) == (4, 0, 0)


def test_a_process_forked_before_reads_what_is_written():
    commands, context = Commands(1), multiprocessing.get_context("fork")
    written, answers = context.Event(), context.SimpleQueue()
    process = context.Process(target=lambda: (written.wait(), answers.put(commands.read(0, 0))), daemon=True)
    process.start()
    commands.write(0, 1, 2, 3)
    written.set()
    assert answers.get() == (1, 2, 3)
    process.join()
