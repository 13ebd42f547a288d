"""The figures of the docs are those of the benchmark."""

import json

from tests.imports import ROOT


def test_the_table_of_ranking_has_the_figures_of_the_benchmark() -> None:
    page = (ROOT / "docs/results.md").read_text()
    rows = json.loads((ROOT / "benchmarks/ranking.json").read_text())["rows"]
    for row in rows:
        values = [f"{row[name]:.3f}"[1:] for name in ("ndcg", "recall", "hit_rate", "mrr")]
        cells = [*values, f"{row['seconds']:.1f}", str(row["peak_mb"])]
        assert f"| {' | '.join(cells)} |" in page, (row["protocol"], row["system"])
