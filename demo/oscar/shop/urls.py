from django.apps import apps
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.static import serve

# What a web server does elsewhere: pictures are the same for everybody.
pictures = cache_control(public=True, max_age=3600)(serve)

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("media/<path:path>", pictures, {"document_root": settings.MEDIA_ROOT}),
] + i18n_patterns(path("", include(apps.get_app_config("oscar").urls[0])))
