"""The documents: one entry per file of reported numbers, and whose code made which number."""

import pytest
from recheck.errors import TablesError

from paper_tables import literature
from paper_tables.documents import read_documents
from paper_tables.public_runs.reader import read_runs


def test_every_document_has_an_entry_and_every_entry_a_document():
    assert sorted(read_documents()) == literature.documents()


def test_the_year_of_a_paper_is_that_of_its_arxiv_number():
    documents = read_documents()
    for name in literature.documents():
        numbers = literature.read_document(name)
        arxiv = set(numbers["arxiv"].dropna())
        if numbers["document_kind"].iloc[0] != "paper" or not arxiv or name == "diffcps":
            continue
        assert {2000 + int(number[:2]) for number in arxiv} == {documents[name].year}, name


def test_own_code_is_known_by_method():
    documents = read_documents()
    assert documents["corl"].is_own_code("iql", "corl-team/CORL")
    assert documents["corl"].is_own_code("cql", "Corl-Team/corl")
    assert documents["rebrac"].is_own_code("iql", "corl-team/CORL")
    assert not documents["rebrac"].is_own_code("td3_bc", "corl-team/CORL")
    assert documents["iql"].is_own_code("iql", "ikostrikov/implicit_q_learning")
    assert not documents["iql"].is_own_code("iql", "takuseno/d3rlpy")


def test_every_document_that_prints_public_runs_ran_them_itself():
    documents = read_documents()
    runs = read_runs()
    printed = runs[runs["printed_in"].notna()]
    cells = printed[["printed_in", "method", "implementation"]].drop_duplicates()
    assert len(cells) == 4
    for row in cells.to_dict("records"):
        assert documents[row["printed_in"]].is_own_code(row["method"], row["implementation"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {document: a, title: A, year: 2020}", "0: code is missing"),
        (
            "- {document: a, title: A, year: twenty, code: []}",
            "0.year is 'twenty'; it has to be a whole number",
        ),
        ("- {document: a, title: A, year: 2020, code: [{repository: code}]}", "repository"),
        ("- {document: a, title: A, year: 2020, code: []}\n" * 2, "names 'a' twice"),
        ("- {document: a", "is not YAML"),
        ("", "it has to be a list"),
    ],
)
def test_a_bad_file_is_refused_in_one_message(tmp_path, text, words):
    path = tmp_path / "documents.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TablesError, match=words) as error:
        read_documents(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(TablesError, match="There is no file"):
        read_documents(tmp_path / "documents.yaml")
