"""Who folds when the process that took the receipts in is gone (rule A4)."""

import pytest

from tests.filled import opened, scalar
from tests.intake.test_folder import appended
from tests.support import open_hub, run, settings, until


@pytest.mark.parametrize("role", ["intake", "web", "work"])
def test_a_process_of_any_role_folds_what_another_left_behind(postgres_url: str, role: str) -> None:
    async def test() -> None:
        async with opened(postgres_url) as gone:
            await appended(gone, "A", own=False)
        async with open_hub(settings(postgres_url), roles=(role,)) as hub:

            async def folded() -> bool:
                return await scalar(hub.store, "SELECT count(*) FROM link") == 1

            await until(folded)

    run(test())
