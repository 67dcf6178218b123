# One instance: a master and the worker that serves. PORT comes from the environment.
import os
import signal
import threading
import time

bind = "127.0.0.1:" + os.environ["PORT"]
wsgi_app = "shop.wsgi:application"
worker_class = "gthread"
workers = 1
threads = 8
# Longer than the proxy in front keeps a connection that nobody uses.
keepalive = 75
graceful_timeout = 8
control_socket_disable = True


def when_ready(server):
    """A director that was killed could not stop its instances: they notice that they are alone."""
    parent = os.getppid()

    def look():
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()
