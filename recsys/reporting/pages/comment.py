"""The comment on a pull request: the run of the workspace beside a commit's."""

from recsys.reporting.comparison.compare import compare_runs
from recsys.reporting.rendering.render import render_markdown
from recsys.reporting.runs.git import find_commit, name_workspace, unless_damaged
from recsys.reporting.runs.params import changed_params

NO_CHANGE = "No change."


def make_comment(base: str) -> str:
    """Changed metrics and params in GitHub's Markdown.

    Args:
        base: a name of the commit to compare with.

    Raises:
        InputError: `base` is no commit, or the workspace has no metrics. A damaged file of `base`
            is no error: the comment has the reason in place of the comparison.
    """
    commit = find_commit(base)
    runs = compare_runs(commit)
    params, params_note = unless_damaged(lambda: changed_params(commit))
    metrics = [c.row for c in runs.all if c.old != c.new]
    return render_markdown(
        "comment.md",
        base=commit,
        head=name_workspace(),
        metrics=metrics,
        notes=runs.notes or ([] if metrics else [NO_CHANGE]),
        slices=runs.name_slices(),
        params=params,
        params_note=params_note or NO_CHANGE,
    )
