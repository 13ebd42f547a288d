"""A small data set with planted tastes, which can be written in each of the published layouts."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recsys.data.presets import ML_100K_GENRES

GENRES = ["Action", "Comedy", "Drama", "Sci-Fi"]


@dataclass(frozen=True)
class Toy:
    """Users, movies and ratings as in the published files, with ids that have gaps and no order."""

    users: list[tuple[int, str, int, str, str]] = field(default_factory=list)
    movies: list[tuple[int, str, list[str]]] = field(default_factory=list)
    ratings: list[tuple[int, int, int, int]] = field(default_factory=list)


def make_toy(users: int = 60, movies: int = 40, ratings: int = 1500, seed: int = 0) -> Toy:
    """Draw the toy data. Each user likes one genre, which a model can learn. One movie has none."""
    rng = np.random.default_rng(seed)
    user_ids = rng.permutation(np.arange(1, users + 1) * 3)
    movie_ids = rng.permutation(np.arange(1, movies + 1) * 2)
    listed = [sorted(rng.choice(GENRES, size=1 + i % 3, replace=False)) for i in range(movies)]
    listed[0] = []
    toy = Toy(
        [(int(u), "FM"[i % 2], 18 + i % 50, "writer", "0123X") for i, u in enumerate(user_ids)],
        [(int(m), f"Café: {m} (19{50 + i % 50})", listed[i]) for i, m in enumerate(movie_ids)],
    )
    pairs = rng.choice(users * movies, size=ratings, replace=False)
    for i, pair in enumerate(pairs):
        user, movie = divmod(int(pair), movies)
        likes = GENRES[user % 4] in listed[movie]
        stars = int(np.clip(np.rint((4.3 if likes else 2.3) + rng.normal(0, 0.7)), 1, 5))
        toy.ratings.append((int(user_ids[user]), int(movie_ids[movie]), stars, 10**9 + i // 2))
    return toy


def write_dat(toy: Toy, folder: Path, encoding: str = "latin-1", users: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "ratings.dat", "::", toy.ratings, encoding)
    movies = [(m, title, "|".join(g) or "(no genres listed)") for m, title, g in toy.movies]
    _write(folder / "movies.dat", "::", movies, encoding)
    if users:
        _write(folder / "users.dat", "::", toy.users, encoding)
    return folder


def write_100k(toy: Toy, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "u.data", "\t", toy.ratings, "latin-1")
    movies = [
        (m, title, "", "", "url", *(int(n in (g or ["unknown"])) for n in ML_100K_GENRES))
        for m, title, g in toy.movies
    ]
    _write(folder / "u.item", "|", movies, "latin-1")
    users = [(u, age, gender, job, code) for u, gender, age, job, code in toy.users]
    _write(folder / "u.user", "|", users, "latin-1")
    return folder


def write_csv(toy: Toy, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    header = [("userId", "movieId", "rating", "timestamp")]
    ratings = [(u, m, float(r), t) for u, m, r, t in toy.ratings]
    _write(folder / "ratings.csv", ",", header + ratings, "utf-8")
    movies = [(m, f'"{title}"', "|".join(g) or "(no genres listed)") for m, title, g in toy.movies]
    _write(folder / "movies.csv", ",", [("movieId", "title", "genres"), *movies], "utf-8")
    return folder


def zip_release(name: str, members: Path, mirror: Path, folder: str | None = None) -> Path:
    """Zip the files of a folder as `mirror/NAME.zip`."""
    mirror.mkdir(parents=True, exist_ok=True)
    archive = mirror / f"{name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        for member in sorted(members.iterdir()):
            content.write(member, f"{folder or name}/{member.name}")
    return archive


def _write(path: Path, separator: str, rows: list[tuple], encoding: str) -> None:
    lines = (separator.join(map(str, row)) + "\n" for row in rows)
    path.write_bytes("".join(lines).encode(encoding))
