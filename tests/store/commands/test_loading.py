"""What a command line loads before it knows which command is wanted."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_command_line_of_the_engine_loads_no_database_no_tables_and_no_torch() -> None:
    code = (
        "import sys, engine.commands.main\n"
        "loaded = {'duckdb', 'pandas', 'pyarrow', 'torch', 'sklearn', 'streamlit'} & set(sys.modules)\n"
        "print(*loaded)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == ""


def test_a_failure_is_told_in_words_without_the_database_loaded() -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from store.db.errors import StoreError, in_words\n"
        "try:\n"
        "    with in_words(Path('/nowhere/store')): raise PermissionError(13, 'no')\n"
        "except StoreError as error: print(error)\n"
        "sys.exit('duckdb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.stdout.startswith("Scalescope may not write to /nowhere")
    assert done.returncode == 0
