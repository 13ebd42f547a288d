import json
from pathlib import Path

import pytest

from recsys.storage.sealed import check_files, digest_files, seal, unseal

TEXT = json.dumps({"a": 1, "b": [2, "ü\n"]}, indent=2)


def test_a_sealed_text_is_json_with_its_digest() -> None:
    assert unseal(seal(TEXT)) == TEXT
    content = json.loads(seal(TEXT))
    assert len(content.pop("sha256")) == 64
    assert content == json.loads(TEXT)


@pytest.mark.parametrize("place", range(0, len(seal(TEXT)), 3))
def test_any_changed_character_is_refused(place: int) -> None:
    sealed = seal(TEXT)
    for text in (sealed[:place] + "~" + sealed[place + 1 :], sealed[:place], TEXT):
        with pytest.raises(ValueError, match="it was changed"):
            unseal(text)


def test_changed_files_are_named(tmp_path: Path) -> None:
    names = ("a", "b")
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 9)
    digests = digest_files(tmp_path, names)
    check_files(tmp_path, names, digests)
    with pytest.raises(ValueError, match=r"^b: not the original file"):
        check_files(tmp_path, names, {"a": digests["a"]})
    for content in (b"", b"b"):
        (tmp_path / "b").write_bytes(content)
        with pytest.raises(ValueError, match=r"^b: not the original file"):
            check_files(tmp_path, names, digests)
    (tmp_path / "b").unlink()
    with pytest.raises(OSError, match="b"):
        check_files(tmp_path, names, digests)
