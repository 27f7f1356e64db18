"""The command line as a person runs it: real processes over the shared home, errors that say what to do, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aiyam.contracts import Trace
from aiyam.settings import Settings

NOW = "2026-03-02T18:30:00+09:00"


def aiyam(settings: Settings, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AIYAM_HOME": str(settings.home), "AIYAM_MODELS_DIR": str(settings.models_dir)}
    return subprocess.run(
        [sys.executable, "-m", "aiyam.cli", *words],
        input=stdin, capture_output=True, text=True, env=environment, check=False, timeout=240,
    )  # fmt: skip


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", models_dir=tmp_path / "models")


def test_chat_once_as_json_is_a_whole_trace(home: Settings) -> None:
    done = aiyam(
        home, "chat", "--once", "급식카드 되는 치킨집 추천해줘", "--user", "persona-11-nowon", "--now", NOW, "--json"
    )
    assert done.returncode == 0, done.stderr
    trace = Trace.model_validate_json(done.stdout)
    assert trace.understanding.filters.meal_card is True
    assert {r.meal_card for r in trace.recommendations} <= {"yes"}
    assert trace.user_id == "persona-11-nowon"


def test_terminal_chat_remembers_the_line_before(home: Settings) -> None:
    done = aiyam(
        home, "chat", "--user", "persona-11-nowon", "--now", NOW, "--json", stdin="분식집 추천해줘\n\n더 싼 데는?\n"
    )
    assert done.returncode == 0, done.stderr
    first, second = (Trace.model_validate_json(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert first.session_id == second.session_id
    assert second.state.filters.category == ("분식",)


def test_understand_writes_one_json_line_for_each_line_read(home: Settings) -> None:
    said = ["만원으로 먹을 수 있는 떡볶이", "", "😋", "ㅎㅇ"]
    done = aiyam(home, "understand", stdin="\n".join(said) + "\n")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["text"] for row in rows] == said
    assert list(rows[0]) == ["text", "intent", "confidence", "entities", "semantic_query", "filters"]
    assert rows[0]["filters"]["budget_max"] == 10_000


def test_a_language_model_is_told_no_personal_data(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            prompts.append(self.rfile.read(int(self.headers["content-length"])).decode("utf-8"))
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for name, value in {"NLU": "language_model", "LLM_MODEL": "any"}.items():
            monkeypatch.setenv(f"AIYAM_{name}", value)
        monkeypatch.setenv("AIYAM_LLM_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
        done = aiyam(home, "understand", stdin="010-1234-5678로 전화 줘 떡볶이 먹고 싶어\n")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert prompts
    assert "1234" not in "".join(prompts) + done.stdout
    assert json.loads(done.stdout)["filters"]["menus"] == ["떡볶이"]


def test_export_writes_records_that_read_back(home: Settings, tmp_path: Path) -> None:
    from aiyam.feedback import read_conversations

    aiyam(home, "chat", "--once", "분식집 추천해줘", "--now", NOW)
    done = aiyam(home, "data", "export", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("conversations_*.jsonl")
    records = list(read_conversations(path))
    assert any(record.user_input == "분식집 추천해줘" for record in records)


def test_store_commands_work_on_a_store_in_use(home: Settings, tmp_path: Path) -> None:
    tables = json.loads(aiyam(home, "db", "tables", "--json").stdout)
    assert tables["shop"] == 400
    assert "분식" in aiyam(home, "db", "search", "분식").stdout
    copy = tmp_path / "copy.db"
    assert aiyam(home, "db", "backup", str(copy)).returncode == 0
    assert copy.stat().st_size > 0
    again = aiyam(home, "db", "backup", str(copy))
    assert again.returncode == 2
    assert "Traceback" not in again.stderr
    assert aiyam(home, "db", "check").stdout.strip() == "ok"


def test_a_childs_message_cannot_steer_the_terminal_it_is_listed_on() -> None:
    from aiyam.cli.console import printable

    assert printable("아빠가 때려요 \x1b[2J\n도와줘") == "아빠가 때려요 \N{REPLACEMENT CHARACTER}[2J 도와줘"


def test_a_merchant_list_is_imported_and_reviewed(empty: Settings, tmp_path: Path) -> None:
    lines = ["상호명,전화번호,가맹점등록번호,주소"]
    lines += [f"달빛분식 {i}호점,02-1111-{i:04d},R{i},서울특별시 관악구 신림로 {i}" for i in range(60)]
    lines += ["별밤호프,02-1111-9999,R999,서울특별시 관악구 신림로 9", ",02-1111-0000,R1000,서울특별시 관악구 신림로 8"]
    path = tmp_path / "list.csv"
    path.write_bytes("\r\n".join(lines).encode("cp949"))
    done = aiyam(empty, "data", "import", str(path))
    assert done.returncode == 0, done.stderr
    assert "shops: 61" in done.stdout
    assert "rejected: 1" in done.stdout
    (rejects,) = (empty.home / "imports").glob("*.csv")
    assert "list.csv,63,상호명" in rejects.read_text(encoding="utf-8-sig")
    assert json.loads(aiyam(empty, "db", "tables", "--json").stdout)["shop"] == 61


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["chat", "--once", "안녕"], "aiyam prepare"),
        (["understand"], "aiyam prepare"),
        (["data", "import", "no-such-file.csv"], "no-such-file.csv"),
        (["chat", "--once", "안녕", "--now", "yesterday"], "--now"),
        (["data", "review", "--approve", "nope", "--who", "kim"], "nope"),
    ],
)
def test_errors_say_what_to_do_and_show_no_traceback(empty: Settings, words: list[str], says: str) -> None:
    done = aiyam(empty, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_truncated_model_is_refused_by_name(home: Settings, tmp_path: Path) -> None:
    import shutil

    models = tmp_path / "models"
    shutil.copytree(home.models_dir, models)
    (weights,) = (models / "ranker" / "v1").glob("weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    done = aiyam(home.model_copy(update={"models_dir": models}), "chat", "--once", "안녕")
    assert done.returncode == 2
    assert "weights.safetensors" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_of_a_newer_version_is_refused(empty: Settings) -> None:
    import sqlite3

    assert aiyam(empty, "db", "tables").returncode == 0
    with sqlite3.connect(empty.home / "aiyam.db") as connection:
        connection.execute(
            "UPDATE schema_version SET version = 9999 WHERE version = (SELECT max(version) FROM schema_version)"
        )
    done = aiyam(empty, "db", "tables")
    assert done.returncode == 2
    assert "9999" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("--user", "a b"), ("--session", "p 1")])
def test_a_user_or_session_that_breaks_its_pattern_is_named(empty: Settings, words: tuple[str, str]) -> None:
    done = aiyam(empty, "chat", "--once", "떡볶이", *words)
    assert done.returncode == 2
    assert words[0] in done.stderr
    assert words[1] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_or_home_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    for name, value in (("AIYAM_API_PORT", "abc"), ("AIYAM_HOME", str(tmp_path / "file"))):
        done = subprocess.run(
            [sys.executable, "-m", "aiyam.cli", "db", "tables"],
            capture_output=True, text=True, env={**os.environ, name: value}, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert value in done.stderr
        assert "Traceback" not in done.stderr
