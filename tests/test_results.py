"""The figures of the docs are those of the benchmarks."""

import json
from typing import Any

from tests.imports import ROOT


def read_rows(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((ROOT / f"benchmarks/{name}.json").read_text())["rows"]
    return rows


def test_the_table_of_ranking_has_the_figures_of_the_benchmark() -> None:
    page = (ROOT / "docs/results.md").read_text()
    for row in read_rows("ranking"):
        values = [f"{row[name]:.3f}"[1:] for name in ("ndcg", "recall", "hit_rate", "mrr")]
        cells = [*values, f"{row['seconds']:.1f}", str(row["peak_mb"])]
        assert f"| {' | '.join(cells)} |" in page, (row["protocol"], row["system"])


def test_the_tables_of_accuracy_have_the_figures_of_the_benchmark() -> None:
    page = (ROOT / "docs/results.md").read_text()
    for row in read_rows("accuracy"):
        if row["model"] == "base rate":
            continue
        metrics = ("rmse",) if row["rmse_mean"] is not None else ("auc", "log_loss", "accuracy")
        cells = [f"{row[f'{name}_mean']:.4f}" for name in metrics]
        if row["seeds"] > 1:
            cells[0] += f" ± {row[f'{metrics[0]}_std']:.4f}"
        if row["split_seed"] != 42:
            cells = [str(row["split_seed"]), "1", *cells[:2]]
        assert f"| {' | '.join(cells)} |" in page, (row["protocol"], row["model"])


def test_the_readme_has_the_figures_of_the_benchmark() -> None:
    page = (ROOT / "README.md").read_text()
    for row in read_rows("accuracy"):
        if row["model"] == "dlrm" and row["split_seed"] == 42:
            metric = "AUC" if row["rmse_mean"] is None else "RMSE"
            assert f"| {metric} {row[f'{metric.lower()}_mean']:.4f} |" in page, row["protocol"]
