"""Routes for supervisors and monitors, as the API's description has them."""

from typing import Final

from fastapi import APIRouter

from connector.management.observation import ANSWERS

router: Final = APIRouter(tags=["observation"])
for _path, _answer in ANSWERS.items():
    router.get(_path)(_answer)
