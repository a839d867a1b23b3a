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
    """
    CREATE VIEW results AS
    SELECT key, dataset, arch, width, depth, seed, data_seed, dataset_size, params, params_non_embedding,
           CAST(config->>'$.label_noise' AS DOUBLE) AS label_noise,
           CAST(config->>'$.weight_decay' AS DOUBLE) AS weight_decay, CAST(config->>'$.l1' AS DOUBLE) AS l1,
           CAST(config->>'$.l2' AS DOUBLE) AS l2, CAST(config->>'$.dropout' AS DOUBLE) AS dropout,
           config->>'$.optimizer' AS optimizer, CAST(config->>'$.lr' AS DOUBLE) AS lr,
           CAST(config->>'$.batch_size' AS BIGINT) AS batch_size, CAST(config->>'$.steps' AS BIGINT) AS steps,
           state, error, step, train_loss, val_loss, test_loss, train_error, val_error, test_error,
           clean_error, flipped_error, test_brier, test_macro_recall, test_macro_f1, test_exact,
           weight_norm, gradient_norm, train_flops, seconds, device, created, config
    FROM runs LEFT JOIN (
        -- Read here, before the join: it would else hold whole curves in memory.
        SELECT run_id, step[-1] AS step, train_loss[-1] AS train_loss, val_loss[-1] AS val_loss,
               test_loss[-1] AS test_loss, train_error[-1] AS train_error, val_error[-1] AS val_error,
               test_error[-1] AS test_error, clean_error[-1] AS clean_error, flipped_error[-1] AS flipped_error,
               test_brier[-1] AS test_brier, test_macro_recall[-1] AS test_macro_recall,
               test_macro_f1[-1] AS test_macro_f1, test_exact[-1] AS test_exact,
               weight_norm[-1] AS weight_norm, gradient_norm[-1] AS gradient_norm
        FROM curves
    ) USING (run_id);
    CREATE VIEW points AS
    SELECT key, dataset, arch, width, depth, seed, params, state, unnest(step) AS step,
           unnest(point_seconds) AS seconds, unnest(train_loss) AS train_loss, unnest(val_loss) AS val_loss,
           unnest(test_loss) AS test_loss, unnest(train_error) AS train_error, unnest(val_error) AS val_error,
           unnest(test_error) AS test_error, unnest(clean_error) AS clean_error,
           unnest(flipped_error) AS flipped_error, unnest(test_brier) AS test_brier,
           unnest(test_macro_recall) AS test_macro_recall, unnest(test_macro_f1) AS test_macro_f1,
           unnest(test_exact) AS test_exact, unnest(weight_norm) AS weight_norm,
           unnest(gradient_norm) AS gradient_norm
    FROM runs JOIN curves USING (run_id);
    """,
    """
    CREATE TABLE imports (
        import_id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, kind VARCHAR NOT NULL, source VARCHAR NOT NULL,
        size_is VARCHAR NOT NULL, data_is VARCHAR NOT NULL, mapping JSON NOT NULL, note VARCHAR,
        created TIMESTAMP NOT NULL
    );
    CREATE TABLE imported_runs (
        import_id VARCHAR NOT NULL, place UINTEGER NOT NULL, run VARCHAR NOT NULL, series VARCHAR NOT NULL,
        size DOUBLE NOT NULL, data DOUBLE, compute DOUBLE, seed BIGINT, loss DOUBLE,
        step DOUBLE[], loss_at DOUBLE[], data_at DOUBLE[], compute_at DOUBLE[], others JSON NOT NULL,
        PRIMARY KEY (import_id, place)
    );
    CREATE VIEW imported AS
    SELECT name AS collection, kind, run, series, if(size_is = 'params', size, NULL) AS params,
           if(size_is = 'width', size, NULL) AS width, data, data_is, compute AS train_flops, seed,
           if(loss IS NULL, 'diverged', 'finished') AS state, loss, others, imports.created, import_id
    FROM imported_runs JOIN imports USING (import_id);
    """,
)
"""Migration n brings the tables from version n to n + 1; a released one never changes."""

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
