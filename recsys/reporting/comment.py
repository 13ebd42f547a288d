"""What the workspace changes against a commit, as a comment on a pull request."""

from recsys.reporting.metrics import PATH, changes, workspace_metrics
from recsys.reporting.pages import render_markdown
from recsys.reporting.params import changed_params
from recsys.reporting.plots import load_charts
from recsys.reporting.revisions import committed, find_commit


def make_comment(base: str) -> str:
    """Changed metrics and params, and the plots, in GitHub's Markdown.

    Args:
        base: a name of the commit to compare with.

    Raises:
        InputError: `base` is no commit, or the workspace has no metrics.
    """
    commit = find_commit(base)
    metrics = changes(committed(str(PATH), commit), workspace_metrics())
    return render_markdown(
        "comment.md",
        base=commit,
        head=find_commit("HEAD"),
        metrics=[(c.name, c.old, c.new, c.delta) for c in metrics if c.old != c.new],
        params=changed_params(commit),
        charts=load_charts(commit),
    )
