"""What the workspace changes against a commit, as a comment on a pull request."""

from recsys.reporting.comparison import compare_runs
from recsys.reporting.pages import render_markdown
from recsys.reporting.params import changed_params
from recsys.reporting.plots import load_charts
from recsys.reporting.revisions import describe_workspace, find_commit, unless_damaged

NO_CHANGE = "No change."


def make_comment(base: str) -> str:
    """Changed metrics and params, and the plots, in GitHub's Markdown.

    Args:
        base: a name of the commit to compare with.

    Raises:
        InputError: `base` is no commit, or the workspace has no metrics. A file of `base` that is
            damaged is no error: the comment says so in its place.
    """
    commit = find_commit(base)
    runs = compare_runs(commit)
    params, params_note = unless_damaged(lambda: changed_params(commit))
    charts, charts_note = load_charts(commit)
    metrics = [c.row for c in runs.all if c.old != c.new]
    return render_markdown(
        "comment.md",
        base=commit,
        head=describe_workspace(),
        metrics=metrics,
        notes=runs.notes or ([] if metrics else [NO_CHANGE]),
        slices=runs.describe_slices(),
        params=params,
        params_note=params_note or NO_CHANGE,
        charts=[chart for chart in charts if chart.differs],
        charts_note=charts_note,
    )
