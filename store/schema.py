"""The tables of the store, as numbered migrations."""

import duckdb

MIGRATIONS = (
    """
    CREATE TABLE meta (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
    CREATE SEQUENCE run_ids;
    CREATE TABLE runs (
        run_id UINTEGER PRIMARY KEY, key VARCHAR NOT NULL UNIQUE,
        arch VARCHAR NOT NULL, dataset VARCHAR NOT NULL, width UINTEGER NOT NULL, depth UINTEGER NOT NULL,
        seed UINTEGER NOT NULL, data_seed UINTEGER NOT NULL, dataset_size UINTEGER NOT NULL,
        params UBIGINT NOT NULL, params_non_embedding UBIGINT NOT NULL, train_flops DOUBLE NOT NULL,
        state VARCHAR NOT NULL, seconds DOUBLE NOT NULL, device VARCHAR NOT NULL, error VARCHAR NOT NULL,
        engine_version UINTEGER NOT NULL, created TIMESTAMP NOT NULL, config JSON NOT NULL
    );
    CREATE TABLE curves (
        run_id UINTEGER PRIMARY KEY, step UINTEGER[] NOT NULL,
        train_loss DOUBLE[] NOT NULL, val_loss DOUBLE[] NOT NULL, test_loss DOUBLE[] NOT NULL,
        train_error DOUBLE[] NOT NULL, val_error DOUBLE[] NOT NULL, test_error DOUBLE[] NOT NULL,
        clean_error DOUBLE[] NOT NULL, flipped_error DOUBLE[] NOT NULL,
        test_brier DOUBLE[] NOT NULL, test_macro_recall DOUBLE[] NOT NULL, test_macro_f1 DOUBLE[] NOT NULL,
        weight_norm DOUBLE[] NOT NULL, gradient_norm DOUBLE[] NOT NULL
    );
    CREATE TABLE sweeps (
        sweep_id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, settings JSON NOT NULL, created TIMESTAMP NOT NULL
    );
    CREATE TABLE sweep_runs (sweep_id VARCHAR NOT NULL, key VARCHAR NOT NULL);
    """,
    "ALTER TABLE curves ADD COLUMN point_seconds DOUBLE[]",  # without a default: that would rewrite the table
    """
    CREATE TABLE outcomes (run_id UINTEGER PRIMARY KEY, predictions BLOB, predictions_bytes UBIGINT, weights BLOB);
    """,
    "ALTER TABLE curves ADD COLUMN test_exact DOUBLE[]",
    """
    ALTER TABLE sweeps ADD COLUMN note VARCHAR;
    ALTER TABLE sweeps ADD COLUMN archived TIMESTAMP;
    CREATE TABLE sweep_tags (sweep_id VARCHAR NOT NULL, tag VARCHAR NOT NULL, PRIMARY KEY (sweep_id, tag));
    """,
    """
    CREATE TABLE new_runs (
        run_id UINTEGER PRIMARY KEY, key VARCHAR NOT NULL, head UBIGINT NOT NULL,
        arch VARCHAR NOT NULL, dataset VARCHAR NOT NULL, width UINTEGER NOT NULL, depth UINTEGER NOT NULL,
        seed UINTEGER NOT NULL, data_seed UINTEGER NOT NULL, dataset_size UINTEGER NOT NULL,
        params UBIGINT NOT NULL, params_non_embedding UBIGINT NOT NULL, train_flops DOUBLE NOT NULL,
        state VARCHAR NOT NULL, seconds DOUBLE NOT NULL, device VARCHAR NOT NULL, error VARCHAR NOT NULL,
        engine_version UINTEGER NOT NULL, created TIMESTAMP NOT NULL, config JSON NOT NULL
    );
    INSERT INTO new_runs BY NAME
    SELECT * REPLACE (regexp_replace(regexp_replace(
        config, '"(arch|dataset|width|depth|seed|data_seed|dataset_size)": ("[^"]*"|[0-9]+)(, )?', '', 'g'
    ), ', }$', '}') AS config), ('0x' || key[:16])::UBIGINT AS head FROM runs ORDER BY run_id;
    DROP TABLE runs;
    ALTER TABLE new_runs RENAME TO runs;

    CREATE SEQUENCE clock_ids;
    CREATE TABLE clocks (clock_id UINTEGER NOT NULL, step UINTEGER[] NOT NULL, point_seconds DOUBLE[]);
    INSERT INTO clocks SELECT nextval('clock_ids'), * FROM (
        SELECT DISTINCT step, if(len(point_seconds) > 0, point_seconds, NULL) FROM curves
    );
    CREATE TABLE measured (
        run_id UINTEGER NOT NULL, clock_id UINTEGER NOT NULL,
        train_loss FLOAT[], val_loss FLOAT[], test_loss FLOAT[], train_error FLOAT[], val_error FLOAT[],
        test_error FLOAT[], clean_error FLOAT[], flipped_error FLOAT[], test_brier FLOAT[],
        test_macro_recall FLOAT[], test_macro_f1 FLOAT[], weight_norm FLOAT[], gradient_norm FLOAT[],
        test_exact FLOAT[]
    );
    CREATE TEMP MACRO narrow(metric) AS if(list_count(metric) > 0, TRY_CAST(metric AS FLOAT[]), NULL);
    INSERT INTO measured SELECT run_id, clock_id,
        narrow(train_loss), narrow(val_loss), narrow(test_loss), narrow(train_error), narrow(val_error),
        narrow(test_error), narrow(clean_error), narrow(flipped_error), narrow(test_brier),
        narrow(test_macro_recall), narrow(test_macro_f1), narrow(weight_norm), narrow(gradient_norm),
        narrow(test_exact)
    FROM curves JOIN clocks ON curves.step = clocks.step
        AND if(len(curves.point_seconds) > 0, curves.point_seconds, NULL) IS NOT DISTINCT FROM clocks.point_seconds;
    DROP MACRO narrow;
    DROP TABLE curves;
    CREATE VIEW curves AS SELECT run_id, step,
        train_loss, val_loss, test_loss, train_error, val_error, test_error, clean_error, flipped_error,
        test_brier, test_macro_recall, test_macro_f1, weight_norm, gradient_norm, point_seconds, test_exact
    FROM measured JOIN clocks USING (clock_id);

    CREATE TABLE new_sweep_runs (sweep_id VARCHAR NOT NULL, key VARCHAR NOT NULL, head UBIGINT NOT NULL);
    INSERT INTO new_sweep_runs SELECT sweep_id, key, ('0x' || key[:16])::UBIGINT FROM sweep_runs;
    DROP TABLE sweep_runs;
    ALTER TABLE new_sweep_runs RENAME TO sweep_runs;
    """,
)
"""Each brings the tables from its place in the list to the next; a released one never changes."""

NEWEST = len(MIGRATIONS)


def version(con: duckdb.DuckDBPyConnection) -> int | None:
    """Return how many migrations the file has seen; None where its tables are not ours."""
    try:  # listing the tables beforehand would take ten times as long
        row = con.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    except duckdb.ProgrammingError:
        return None
    return int(row[0]) if row else None


def migrate(con: duckdb.DuckDBPyConnection, stored: int) -> None:
    """Bring the tables from version `stored` (0: there are none) to the newest, inside the caller's transaction."""
    for script in MIGRATIONS[stored:]:
        con.execute(script)
    con.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", [str(NEWEST)])
