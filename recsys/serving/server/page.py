"""The page of `recsys serve`."""

import base64
import hashlib
import re
from pathlib import Path

PAGE = Path(__file__).with_name("page.html")


def read_page() -> tuple[str, dict[str, str]]:
    """The page, and headers that let it run its script and ask this server, nothing else."""
    page = PAGE.read_text(encoding="utf-8")
    policy = [
        "default-src 'none'",
        f"script-src {digest_content(page, 'script')}",
        f"style-src {digest_content(page, 'style')}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return page, {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def digest_content(page: str, tag: str) -> str:
    """The hash of what is in the page's only element of a kind, as a policy names it."""
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
