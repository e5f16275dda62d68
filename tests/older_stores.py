"""Stores as an older memini wrote them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from pyarrow import parquet

from memini_kuzu.config import Parameters
from memini_kuzu.store import Store, catalog
from memini_kuzu.store.engine import Draft, forget_sum
from memini_kuzu.store.numbered import spread
from memini_kuzu.store.schema import macros


def to_version_7(path: Path) -> None:
    """Rewrite a closed store with schema version 7, in which amounts are lists of doubles."""
    with Store(path) as store:
        store._engine.checkpoint()
        parameters = Parameters.from_json(store.meta["parameters"])
    forget_sum(path)
    with tempfile.TemporaryDirectory() as folder:
        tables, fresh = Path(folder) / "tables", Path(folder) / "fresh.kz"
        with Draft(path) as draft:
            draft.run(f"EXPORT DATABASE '{tables}' (format='parquet')")
        with Draft(fresh) as draft:
            for version, file in catalog.scripts().items():
                for statement in catalog.statements(file.read_text()) if version <= 7 else []:
                    draft.run(statement)
            for statement in macros(parameters):
                if "memini_amount" not in statement:
                    draft.run(statement)
            draft.run("MATCH (m:MeminiJournal) DELETE m")
            draft.run("CHECKPOINT")
            _fill(draft, tables)
            draft.run("MATCH (m:MeminiMeta {key: 'schema_version'}) SET m.value = '7'")
        path.write_bytes(fresh.read_bytes())
    path.with_name(path.name + ".journal").unlink(missing_ok=True)


def _fill(draft: Draft, tables: Path) -> None:
    for line in (tables / "copy.cypher").read_text().splitlines():
        found = re.match(r'COPY `(\w+)` \(.*?\) FROM "(.+?)"', line)
        if found is None:
            continue
        table, rows = found[1], parquet.read_table(tables / found[2])
        if table in {"Document", "EventLog"}:
            # Kùzu puts the variable of its query before the names
            rows = rows.rename_columns([name.split(".", 1)[1] for name in rows.column_names])
            order = draft.run(f"CALL table_info('{table}') RETURN name AS name")["name"].to_pylist()
            rows = spread(rows).select(order)
        draft.run(f"COPY {table} FROM batch", batch=rows)
