from delivrd.core.bucket import Bucket
from tests.clock import Clock


def test_after_a_rest_one_second_s_worth_may_be_taken_at_once_and_then_the_rate() -> None:
    clock = Clock(100.0)
    bucket = Bucket(20, clock)
    clock.now += 3600
    assert bucket.tokens() == 20
    bucket.take(20)
    assert bucket.tokens() == 0
    clock.now += 0.5
    assert bucket.tokens() == 10


def test_it_tells_how_long_to_wait_for_the_next() -> None:
    clock = Clock(100.0)
    bucket = Bucket(4, clock)
    assert bucket.seconds_to_next() == 0
    bucket.take(4)
    assert bucket.seconds_to_next() == 0.25
    clock.now += 0.25
    assert (bucket.seconds_to_next(), bucket.tokens()) == (0, 1)


def test_less_than_one_a_second_allows_one_now_and_then() -> None:
    clock = Clock(100.0)
    bucket = Bucket(0.5, clock)
    bucket.take(bucket.tokens())
    assert bucket.seconds_to_next() == 2
    clock.now += 60
    assert bucket.tokens() == 1
