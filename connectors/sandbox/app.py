"""All played platforms as one web application, with the control door and a page for people."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from connectors.sandbox import (
    control,
    google,
    google_ads,
    google_oauth,
    meta,
    microsoft,
    microsoft_oauth,
    tiktok,
    vk,
    yandex_audience,
    yandex_direct,
    yandex_oauth,
)
from connectors.sandbox.frame import Frame, Refused, refused, wrong_path
from connectors.sandbox.world import World

PLATFORMS = (
    meta.PLATFORM,
    vk.PLATFORM,
    yandex_audience.PLATFORM,
    yandex_direct.PLATFORM,
    yandex_oauth.PLATFORM,
    google.PLATFORM,
    google_ads.PLATFORM,
    google_oauth.PLATFORM,
    microsoft.PLATFORM,
    microsoft_oauth.PLATFORM,
    tiktok.PLATFORM,
)


def create_app(world: World) -> FastAPI:
    """The sandbox around one world; what each account holds from the start is put in place."""
    app = FastAPI(title="adsteer sandbox", docs_url=None, redoc_url=None, openapi_url=None)
    platforms = {platform.name: platform for platform in PLATFORMS}
    for platform in PLATFORMS:
        with world.transaction():
            platform.seed(world)
        app.include_router(platform.router(world), prefix=f"/{platform.name}")
    app.include_router(control.router(world, PLATFORMS))
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, wrong_path(platforms))
    app.add_exception_handler(RequestValidationError, wrong_path(platforms))
    app.add_middleware(Frame, world=world, platforms=platforms)
    return app
