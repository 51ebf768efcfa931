"""How a command ends."""

from recheck import score_index


def test_a_command_line_says_one_sentence_and_ends_with_two(copy, monkeypatch, capsys):
    monkeypatch.chdir(copy)
    assert score_index.main(["--config", '{"experiment": "nope"}', "--output", "x.json"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("There is no experiment 'nope'; known are")
    assert error.count("\n") == 1
    assert not (copy / "x.json").exists()
