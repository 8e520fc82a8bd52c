import numpy as np

from terralex.synthetic import make_unrelated_picture


def test_the_same_seed_gives_the_same_picture_and_others_differ() -> None:
    pictures = [make_unrelated_picture(seed, 32) for seed in range(14)]
    assert all(picture.shape == (32, 32, 3) and picture.dtype == np.uint8 for picture in pictures)
    assert np.array_equal(pictures[3], make_unrelated_picture(3, 32))
    distinct = {picture.tobytes() for picture in pictures}
    assert len(distinct) == len(pictures)


def test_most_of_a_page_is_paper() -> None:
    page = make_unrelated_picture(0, 64).astype(float).mean(axis=2)
    assert np.median(np.abs(page - np.median(page))) < 5
    assert page.std() > 10, "the rest is text"
